/**
 * Pages of lists: the right runs, newest first, each once; and what a page costs. `EXPLAIN ANALYZE` says which
 * operator reads rows and how many it read, so a scan of a table is seen however small the table is.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../../projections/index.js';
import type { Projections } from '../../../projections/index.js';
import { createReads } from '../../../projections/reads/index.js';
import type { RunFilter } from '../../../projections/reads/runs/list-runs.js';
import { onEveryDatabase } from '../support/databases.js';
import { event, execution, runError, runStarted, START_MS, stepStarted } from '../support/runs.js';

const RUNS = 120;
const PAGE = 10;

interface Told {
  readonly runId: string;
  readonly startedAt: number;
  readonly definition: string;
  readonly status: string;
  readonly state: string | null;
  readonly parent: string | null;
  readonly key: string;
}

async function makeRuns(projections: Projections): Promise<readonly Told[]> {
  const told = Array.from({ length: RUNS }, (_, i): Told => ({
    runId: '',
    // Several begin at one instant: a page may end between them.
    startedAt: START_MS + Math.floor(i / 4) * 1_000,
    definition: i % 3 === 0 ? 'refund' : 'order-fulfilment',
    status: ['WAITING', 'SUCCEEDED', 'FAILED', 'RUNNING'][i % 4] ?? '',
    state: i % 5 === 0 ? 'charged' : null,
    parent: i % 7 === 0 ? 'parent-1' : null,
    key: `order:o-${i % 6}`,
  }));
  return Promise.all(
    told.map(async (one, i) => {
      const of = execution({ tenant: 'acme' });
      const started = runStarted({ n: i }, [one.key]);
      if (started.type !== 'RUN_STARTED') throw new Error('No start');
      const parent = one.parent === null ? null : { runId: one.parent, workflowId: 'w' };
      const ends = {
        WAITING: event(3, 'RUN_WAITING', {}),
        SUCCEEDED: event(3, 'RUN_SUCCEEDED', { result: 1 }),
        FAILED: event(3, 'RUN_FAILED', { error: runError('BAD') }),
        RUNNING: stepStarted(3, 'steps[0]'),
      };
      await projections.commitEvents({ ...of, run: { ...of.run, definition: one.definition } }, [
        { ...started, at: one.startedAt, data: { ...started.data, parent } },
        one.state === null
          ? event(2, 'SIGNAL_REJECTED', { signal: 'event', reason: 'x' })
          : event(2, 'STATE_SET', { state: one.state }),
        ends[one.status as keyof typeof ends],
      ]);
      return { ...one, runId: of.run.runId };
    }),
  );
}

const instant = (second: number) => new Date(START_MS + second * 1_000).toISOString();

const FILTERS: readonly (readonly [string, RunFilter, (run: Told) => boolean])[] = [
  ['nothing', {}, () => true],
  ['the definition', { definition: 'refund' }, (run) => run.definition === 'refund'],
  ['the status', { status: 'WAITING' }, (run) => run.status === 'WAITING'],
  [
    'definition and status',
    { definition: 'refund', status: 'FAILED' },
    (run) => run.definition === 'refund' && run.status === 'FAILED',
  ],
  ['the state', { state: 'charged' }, (run) => run.state === 'charged'],
  ['the correlation key', { correlationKey: 'order:o-2' }, (run) => run.key === 'order:o-2'],
  ['the parent', { parentRunId: 'parent-1' }, (run) => run.parent === 'parent-1'],
  [
    'a time',
    { startedFrom: instant(5), startedBefore: instant(20) },
    (run) => run.startedAt >= START_MS + 5_000 && run.startedAt < START_MS + 20_000,
  ],
  [
    'a status and a time',
    { status: 'SUCCEEDED', startedBefore: instant(20) },
    (run) => run.status === 'SUCCEEDED' && run.startedAt < START_MS + 20_000,
  ],
  [
    'all of them',
    {
      definition: 'refund',
      status: 'WAITING',
      state: 'charged',
      correlationKey: 'order:o-0',
      startedFrom: instant(0),
    },
    (run) =>
      run.definition === 'refund' &&
      run.status === 'WAITING' &&
      run.state === 'charged' &&
      run.key === 'order:o-0',
  ],
];

/** A database that notes what is asked of it. */
function noting(database: Database) {
  const asked: { text: string; variables: Readonly<Record<string, unknown>> }[] = [];
  const noted: Database = {
    request(text, variables = {}) {
      asked.push({ text, variables });
      return database.request(text, variables);
    },
    transact: () => Promise.reject(new Error('A list writes nothing')),
    close: () => Promise.resolve(),
  };
  return { asked, noted };
}

/** The leaves of a plan: which operator reads rows, and how many it read. */
async function leaves(database: Database, text: string, variables: Readonly<Record<string, unknown>>) {
  const [answer] = await database.request(`EXPLAIN ANALYZE ${text}`, variables);
  if (answer?.ok !== true || typeof answer.value !== 'string') throw new Error(JSON.stringify(answer));
  return [...answer.value.matchAll(/^\s*(\w*(?:Scan|Expr))\b.*\{rows: (\d+)/gm)].map(
    ([, operator, rows]) => ({
      operator,
      rows: Number(rows),
    }),
  );
}

onEveryDatabase('A list page', (host) => {
  let projections: Projections;
  let runs: readonly Told[];
  beforeAll(async () => {
    projections = await host.open();
    runs = await makeRuns(projections);
    // Another tenant's runs stand in the same tables.
    await projections.commitEvents(execution({ tenant: 'other' }), [runStarted()]);
  });

  describe.each(FILTERS)('filtered by %s', (_, filter, fits) => {
    it('has each run that fits, once, newest first', async () => {
      const found: string[] = [];
      let after: string | undefined;
      do {
        const page = await projections.reads.listRuns('acme', filter, { limit: PAGE, after });
        expect(page.items.length).toBeLessThanOrEqual(PAGE);
        found.push(...page.items.map((run) => run.runId));
        after = page.next ?? undefined;
      } while (after !== undefined);
      const expected = runs
        .filter(fits)
        .sort((a, b) => b.startedAt - a.startedAt || (a.runId < b.runId ? -1 : 1))
        .map((run) => run.runId);
      expect(found).toEqual(expected);
      expect(expected.length).toBeGreaterThan(0);
    });

    it('reads no more rows than it shows, and scans no table', async () => {
      const { asked, noted } = noting(projections.database);
      await createReads(noted).listRuns('acme', filter, { limit: PAGE });
      expect(asked.length).toBeGreaterThan(0);
      for (const { text, variables } of asked) {
        const plan = await leaves(projections.database, text, variables);
        expect(plan.length, text).toBeGreaterThan(0);
        for (const { operator, rows } of plan) {
          expect(operator, text).not.toBe('TableScan');
          expect(rows, text).toBeLessThanOrEqual(PAGE + 1);
        }
      }
    });
  });

  it('would be told from one that scans', async () => {
    const plan = await leaves(projections.database, `SELECT * FROM run WHERE status = 'WAITING'`, {});
    expect(plan.map(({ operator }) => operator)).toEqual(['TableScan']);
  });

  it('keeps its place where runs begin and end between two pages', async () => {
    const own = await host.open();
    await makeRuns(own);
    const first = await own.reads.listRuns('acme', { status: 'WAITING' }, { limit: PAGE });
    const rest = await own.reads.listRuns('acme', { status: 'WAITING' }, { after: first.next ?? '' });
    // A newer one begins, and the last of the first page ends.
    const last = first.items.at(-1)?.runId ?? '';
    await own.commitEvents(execution({ tenant: 'acme', runId: last }), [
      event(4, 'RUN_SUCCEEDED', { result: 1 }),
    ]);
    await own.commitEvents(execution({ tenant: 'acme' }), [
      { ...runStarted(), at: START_MS + 9_999_000 },
      event(2, 'RUN_WAITING', {}),
    ]);
    const again = await own.reads.listRuns('acme', { status: 'WAITING' }, { after: first.next ?? '' });
    expect(again).toEqual(rest);
  });

  it('of one run’s rows reads that run’s rows, and scans no table', async () => {
    const runId = runs[3]?.runId ?? '';
    const { asked, noted } = noting(projections.database);
    const reads = createReads(noted);
    await reads.getRun('acme', runId);
    await reads.listSteps('acme', runId);
    await reads.listEvents('acme', runId);
    await reads.listWaits('acme', runId);
    await reads.listInvocations('acme', runId);
    await reads.checkContiguity('acme', runId);
    expect(asked.length).toBeGreaterThanOrEqual(6);
    for (const { text, variables } of asked) {
      for (const { operator, rows } of await leaves(projections.database, text, variables)) {
        expect(operator, text).not.toBe('TableScan');
        expect(rows, text).toBeLessThanOrEqual(3);
      }
    }
  });
});
