/**
 * Every writer, failed at every point of its transaction: nothing partial remains, and the retry leaves the
 * rows of an undisturbed run. An undisturbed run is watched for its points, and the writers are checked
 * against the interface, so that neither a new statement nor a new writer can be forgotten.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FaultPoint, Faults, Projections } from '../../../projections/index.js';
import { onEveryDatabase } from '../support/databases.js';
import {
  event,
  execution,
  invocation,
  lease,
  runError,
  runStarted,
  stepStarted,
  stepSucceeded,
  uuid7,
} from '../support/runs.js';
import { offered, READS, READS_OF_ALL, WRITES } from '../support/tenant-life.js';

const first = uuid7(2_000_001);
const of = execution({ runId: uuid7(2_000_000), executionId: first });
/** A run in its first execution. */
const undisturbed = execution({ runId: uuid7(2_000_300) });
const reset = { ...of, executionId: uuid7(2_000_002) };
const use = invocation('walked');
const mine = { holder: 'w1', forMs: 4_000_000_000 };
const start = [runStarted(), stepStarted(2, 'steps[0]', 'walked')];
const definition = {
  pin: { id: 'walked', version: 1, hash: 'a' },
  source: 'x'.repeat(300_000),
  format: 'yaml' as const,
  publishedBy: 'alice',
  operation: { at: new Date(0), operation: 'walked' },
};

const FAILED_COMPENSATION = {
  error: runError('DOWN'),
  request: {
    action: 'payments.refund',
    version: 1,
    input: { chargeId: 'x'.repeat(300_000) },
    key: 'walked/compensate',
    timeoutMs: 1_000,
    step: { path: 'steps[0]', id: 'walked', iteration: [] },
    attempts: 1,
    payload: {
      type: 'compensation' as const,
      stage_name: 'walked',
      workflow_id: 'w',
      original_context: null,
      artifacts_to_undo: ['ch_1'],
    },
  },
};

interface Walk {
  readonly name: string;
  readonly before?: (store: Projections) => Promise<unknown>;
  readonly write: (store: Projections) => Promise<unknown>;
}

const WALKS: readonly Walk[] = [
  ...[[], [{ label: 'walked.create', statement: 'CREATE walked:one SET n = 1', variables: {} }]].map(
    (writes): Walk => ({
      name: `recordAction with ${writes.length} domain writes`,
      write: (store) =>
        store.recordAction(undisturbed, start, use, {
          lease: mine,
          startedAt: 1_000,
          outcome: { status: 'SUCCEEDED', output: { n: 1 }, artifacts: ['a'] },
          writes,
        }),
    }),
  ),
  {
    name: 'commitEvents of a new run',
    write: (store) =>
      store.commitEvents(of, [
        runStarted({ large: 'x'.repeat(300_000) }),
        event(2, 'WAIT_OPENED', { kind: 'time' }, { path: 'steps[0]' }),
        event(3, 'RUN_WAITING', {}),
      ]),
  },
  {
    name: 'commitEvents after a reset',
    before: (store) =>
      store.commitEvents(of, [
        ...start,
        stepSucceeded(3, 'steps[0]'),
        event(4, 'RUN_SUCCEEDED', { result: 1 }),
      ]),
    write: (store) => store.commitEvents(reset, [event(3, 'STATE_SET', { state: 'again' })]),
  },
  {
    name: 'beginAction',
    write: (store) => store.beginAction(of, start, use, mine),
  },
  {
    name: 'putEvidence',
    before: (store) => store.commitEvents(of, start),
    write: (store) =>
      store.putEvidence(
        of,
        { path: 'steps[1]', id: 'p', iteration: [0], attempt: 2 },
        { kind: 'authorization', actor: 'ada', decision: 'DENY', body: { policies: ['a.cedar:1'] } },
      ),
  },
  {
    name: 'renewLease',
    before: (store) => store.beginAction(of, start, use, lease('w1')),
    write: (store) => store.renewLease('acme', 'walked', mine),
  },
  {
    name: 'finishAction with domain writes',
    before: (store) => store.beginAction(of, start, use, mine),
    write: (store) =>
      store.finishAction(of, use, {
        outcome: { status: 'SUCCEEDED', output: { large: 'x'.repeat(300_000) }, artifacts: [] },
        writes: [
          { label: 'payment', statement: 'UPSERT payment:one SET times = (times ?? 0) + 1', variables: {} },
          { label: 'entry', statement: 'CREATE entry:one SET amount = $amount', variables: { amount: 5 } },
        ],
        holder: 'w1',
      }),
  },
  {
    name: 'finishAction of a denial, with its evidence',
    before: (store) => store.beginAction(of, start, use, mine),
    write: (store) =>
      store.finishAction(of, use, {
        outcome: { status: 'FAILED', error: runError('UNAUTHORIZED') },
        writes: [],
        holder: 'w1',
        evidence: {
          kind: 'authorization',
          actor: 'ada',
          decision: 'DENY',
          body: { policies: ['a.cedar:1'] },
        },
      }),
  },
  {
    name: 'commitEvents of a compensation that failed, with its dead letter',
    write: (store) =>
      store.commitEvents(of, [
        ...start,
        event(3, 'STEP_SUCCEEDED', { id: 'walked', kind: 'action.call' }, { path: 'steps[0]' }),
        event(4, 'RUN_COMPENSATING', { scope: null, steps: 1 }),
        event(5, 'COMPENSATION_FAILED', FAILED_COMPENSATION, { path: 'steps[0].compensate' }),
        event(6, 'RUN_FAILED', { error: runError('BROKEN') }),
      ]),
  },
  {
    name: 'putDefinition',
    write: (store) => store.putDefinition('acme', definition),
  },
  {
    name: 'rebuildRun of rows that somebody changed',
    before: async (store) => {
      await store.beginAction(of, start, use, mine);
      await store.finishAction(of, use, {
        outcome: { status: 'SUCCEEDED', output: 1, artifacts: [] },
        writes: [],
        holder: 'w1',
      });
      await store.commitEvents(of, [event(3, 'WAIT_OPENED', { kind: 'time' }, { path: 'steps[1]' })]);
      await store.database.request(
        `DELETE run; DELETE wait; UPDATE step SET status = 'SKIPPED', provisional = false; CREATE type::record('step', $extra) SET status = 'RUNNING', opened_seq = 9, status_seq = 9, provisional = false`,
        { extra: ['acme', of.run.runId, 'steps[9]', [], 1] },
      );
    },
    write: (store) => store.maintenance.rebuildRun('acme', of.run.runId),
  },
  {
    name: 'removeClosedRuns',
    before: async (store) => {
      await store.beginAction(of, start, use, mine);
      await store.finishAction(of, use, {
        outcome: { status: 'SUCCEEDED', output: 1, artifacts: [] },
        writes: [],
        holder: 'w1',
      });
      await store.commitEvents(of, [stepSucceeded(3, 'steps[0]'), event(4, 'RUN_SUCCEEDED', { result: 1 })]);
      const open = execution({ runId: uuid7(2_000_100) });
      await store.commitEvents(open, [runStarted()]);
    },
    write: (store) => store.maintenance.removeClosedRuns({ endedBefore: new Date(), limit: 10 }),
  },
];

/** Every write in the life of a tenant, after all earlier ones. */
const LIFE_WALKS: readonly Walk[] = Object.entries(WRITES).map(([name, write], i, all) => ({
  name,
  before: async (store) => {
    for (const [, earlier] of all.slice(0, i)) await earlier(store, of);
  },
  write: (store) => write(store, of),
}));

// Counters, and ends of leases on the clock of the database, differ between histories that mean the same.
const COUNTERS = ['revision', 'turn', 'lease_until', 'until', 'seen_at', 'erased_at'];
const OF_THE_SCHEMA = ['schema_migration', 'schema_lock'];

async function tableNames(projections: Projections): Promise<readonly string[]> {
  const [info] = await projections.database.request('INFO FOR DB');
  if (info?.ok !== true) throw new Error(info?.reason);
  return Object.keys((info.value as { tables: object }).tables).filter(
    (name) => !OF_THE_SCHEMA.includes(name),
  );
}

/** Deletes every row: opening a database for each point would take most of the time. */
async function empty(projections: Projections): Promise<void> {
  const names = await tableNames(projections);
  const answers = await projections.database.request(names.map((name) => `DELETE ${name}`).join(';'));
  expect(answers.every((answer) => answer.ok)).toBe(true);
}

/** Every row of every table that has rows, without clocks and counters. */
async function state(projections: Projections): Promise<unknown> {
  const names = await tableNames(projections);
  const answers = await projections.database.request(names.map((name) => `SELECT * FROM ${name}`).join(';'));
  return names.flatMap((name, i) => {
    const answer = answers[i];
    if (answer?.ok !== true) throw new Error(answer?.reason);
    const rows = (answer.value as Record<string, unknown>[]).map((row) =>
      Object.entries(row)
        .filter(([column, value]) => !COUNTERS.includes(column) && !(value instanceof Date))
        .map(([column, value]) => `${column}: ${JSON.stringify(value)}`)
        .sort()
        .join(', '),
    );
    return rows.length === 0 ? [] : [[name, rows.sort()]];
  });
}

/**
 * Points that the last transaction of a write doesn't have. If one of these is in a statement after the
 * refusal that sends the write to a slower tier, the fault is never reached, and the write succeeds.
 */
function refusedPoints(asked: readonly FaultPoint[]): ReadonlySet<FaultPoint> {
  const ends = asked.flatMap((point, i) => (point === 'before-commit' ? [i] : []));
  const lastBegins = (ends.at(-2) ?? -1) + 1;
  const last = new Set(asked.slice(lastBegins));
  return new Set(asked.slice(0, lastBegins).filter((point) => !last.has(point)));
}

const walked: Record<string, number> = {};

onEveryDatabase(
  'A writer that fails',
  (host) => {
    const calm: Faults = () => false;
    let faults = calm;
    let projections: Projections;
    beforeAll(async () => {
      projections = await host.open({ faults: (point) => faults(point) });
    });

    afterAll(() => {
      const all = Object.values(walked).reduce((sum, points) => sum + points, 0);
      process.stdout.write(
        `failure walk of writers (${host.kind}): ${Object.keys(walked).length} writes, ${all} fault points\n`,
      );
    });

    it('the walk covers every write that projections offer', () => {
      const walks = new Set([...Object.keys(WRITES), ...Object.keys(READS), ...READS_OF_ALL]);
      expect(offered(projections).filter((name) => !walks.has(name))).toEqual([]);
    });

    describe.each([...WALKS, ...LIFE_WALKS])('$name', ({ name, before, write }) => {
      it('a failure at any point leaves nothing partial, and the retry leaves the rows of an undisturbed run [one-transaction]', async () => {
        const asked: FaultPoint[] = [];
        const again = async () => {
          await empty(projections);
          await before?.(projections);
        };
        // Write once before it counts: a process remembers the runs that it began, and checks again where
        // rows are gone.
        await again();
        await write(projections);
        await again();
        const initial = await state(projections);
        faults = (point) => {
          asked.push(point);
          return false;
        };
        await write(projections);
        faults = calm;
        const expected = await state(projections);
        expect(asked.length).toBeGreaterThan(3);
        if (name.includes('1 domain write')) expect(JSON.stringify(expected)).toContain('walked:one');

        const refused = refusedPoints(asked);
        const points = new Set(asked);
        await again();
        for (const point of points) {
          faults = (at) => at === point;
          const failed = await write(projections).then(
            () => undefined,
            (error: unknown) => error,
          );
          faults = calm;
          if (failed !== undefined) {
            expect(failed, point).toMatchObject({ code: 'DATABASE_FAILED', retryable: true });
            expect(await state(projections), point).toEqual(point === 'after-commit' ? expected : initial);
            // The rows are as before, so the retry at the next point is also the retry of this one.
            if (point !== 'after-commit') continue;
            await write(projections);
          } else {
            expect([...refused], `${point} is passed over`).toContain(point);
          }
          expect(await state(projections), `after ${point}`).toEqual(expected);
          await again();
        }
        await write(projections);
        expect(await state(projections), 'the last retry').toEqual(expected);
        walked[name] = points.size;
      }, 120_000);
    });
  },
  ['surrealkv', 'server'],
);
