/**
 * Pages of lists: the right runs, newest first, each once; and the cost of a page. `EXPLAIN ANALYZE` says
 * which operator reads rows and how many, so that a table scan shows even in a small table.
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

interface RunSpec {
  readonly runId: string;
  readonly startedAt: number;
  readonly definition: string;
  readonly status: string;
  readonly state: string | null;
  readonly parent: string | null;
  readonly key: string;
}

async function makeRuns(projections: Projections): Promise<readonly RunSpec[]> {
  const specs = Array.from({ length: RUNS }, (_, i): RunSpec => ({
    runId: '',
    // Several runs begin at one instant: a page may end between them.
    startedAt: START_MS + Math.floor(i / 4) * 1_000,
    definition: i % 3 === 0 ? 'refund' : 'order-fulfilment',
    status: ['WAITING', 'SUCCEEDED', 'FAILED', 'RUNNING'][i % 4] ?? '',
    state: i % 5 === 0 ? 'charged' : null,
    parent: i % 7 === 0 ? 'parent-1' : null,
    key: `order:o-${i % 6}`,
  }));
  return Promise.all(
    specs.map(async (spec, i) => {
      const of = execution({ tenant: 'acme' });
      const started = runStarted({ n: i }, [spec.key]);
      if (started.type !== 'RUN_STARTED') throw new Error('No start');
      const parent = spec.parent === null ? null : { runId: spec.parent, workflowId: 'w' };
      const ends = {
        WAITING: event(3, 'RUN_WAITING', {}),
        SUCCEEDED: event(3, 'RUN_SUCCEEDED', { result: 1 }),
        FAILED: event(3, 'RUN_FAILED', { error: runError('BAD') }),
        RUNNING: stepStarted(3, 'steps[0]'),
      };
      await projections.commitEvents({ ...of, run: { ...of.run, definition: spec.definition } }, [
        { ...started, at: spec.startedAt, data: { ...started.data, parent } },
        spec.state === null
          ? event(2, 'SIGNAL_REJECTED', { signal: 'event', reason: 'x' })
          : event(2, 'STATE_SET', { state: spec.state }),
        ends[spec.status as keyof typeof ends],
      ]);
      return { ...spec, runId: of.run.runId };
    }),
  );
}

const instant = (second: number) => new Date(START_MS + second * 1_000).toISOString();

const FILTERS: readonly (readonly [string, RunFilter, (run: RunSpec) => boolean])[] = [
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

/** A database that records its requests. */
function noting(database: Database) {
  const asked: { text: string; variables: Readonly<Record<string, unknown>> }[] = [];
  const noted: Database = {
    request(text, variables = {}) {
      asked.push({ text, variables });
      return database.request(text, variables);
    },
    transact: () => Promise.reject(new Error('A list writes nothing')),
    close: () => Promise.resolve(),
    unreadable: database.unreadable,
    seal: database.seal,
  };
  return { asked, noted };
}

/** The leaves of a plan: the operators that read rows, and how many rows each read. */
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
  let runs: readonly RunSpec[];
  beforeAll(async () => {
    projections = await host.open();
    runs = await makeRuns(projections);
    // Another tenant has runs in the same tables.
    await projections.commitEvents(execution({ tenant: 'other' }), [runStarted()]);
  });

  describe.each(FILTERS)('filtered by %s', (_, filter, fits) => {
    it('a filtered list has each matching run once, newest first', async () => {
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

    it('a list page reads no more rows than it shows, and scans no table', async () => {
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

  it('the check recognizes a statement that scans a table', async () => {
    const plan = await leaves(projections.database, `SELECT * FROM run WHERE status = 'WAITING'`, {});
    expect(plan.map(({ operator }) => operator)).toEqual(['TableScan']);
  });

  it('a list keeps its place when runs begin and end between two pages', async () => {
    const separate = await host.open();
    await makeRuns(separate);
    const first = await separate.reads.listRuns('acme', { status: 'WAITING' }, { limit: PAGE });
    const rest = await separate.reads.listRuns('acme', { status: 'WAITING' }, { after: first.next ?? '' });
    // A newer run begins, and the last run of the first page ends.
    const last = first.items.at(-1)?.runId ?? '';
    await separate.commitEvents(execution({ tenant: 'acme', runId: last }), [
      event(4, 'RUN_SUCCEEDED', { result: 1 }),
    ]);
    await separate.commitEvents(execution({ tenant: 'acme' }), [
      { ...runStarted(), at: START_MS + 9_999_000 },
      event(2, 'RUN_WAITING', {}),
    ]);
    const again = await separate.reads.listRuns('acme', { status: 'WAITING' }, { after: first.next ?? '' });
    expect(again).toEqual(rest);
  });

  it('reads of one run read that run’s rows only, and scan no table', async () => {
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
