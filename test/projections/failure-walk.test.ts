/**
 * Every writer, failed at every point of its transaction: nothing partial remains, and the retry gives the
 * rows of an undisturbed run. The points are found by watching an undisturbed run, so that a new statement
 * cannot be forgotten; the writers are checked against the interface, so that a new one cannot either.
 */
import { afterAll, describe, expect, it } from 'vitest';
import type { ProjectionStore } from '../../contracts/projection.js';
import { createMaintenance } from '../../projections/maintenance/index.js';
import { createStore } from '../../projections/store.js';
import type { FaultPoint, Projections } from '../../projections/index.js';
import { onEveryDatabase } from './support/databases.js';
import {
  event,
  execution,
  invocation,
  lease,
  runStarted,
  stepStarted,
  stepSucceeded,
  tables,
  uuid7,
} from './support/runs.js';

const first = uuid7(2_000_001);
const of = execution({ runId: uuid7(2_000_000), executionId: first });
const reset = { ...of, executionId: uuid7(2_000_002) };
const use = invocation('walked');
const mine = { holder: 'w1', until: 4_000_000_000_000 };
const start = [runStarted(), stepStarted(2, 'steps[0]', 'walked')];
const definition = {
  pin: { id: 'walked', version: 1, hash: 'a' },
  source: 'x'.repeat(300_000),
  format: 'yaml' as const,
  publishedBy: 'alice',
};

interface Walk {
  readonly name: string;
  readonly writer: keyof ProjectionStore | keyof Projections['maintenance'];
  readonly before?: (store: Projections) => Promise<unknown>;
  readonly write: (store: Projections) => Promise<unknown>;
}

const WALKS: readonly Walk[] = [
  {
    name: 'commitEvents of a new run',
    writer: 'commitEvents',
    write: (store) =>
      store.commitEvents(of, [
        runStarted({ large: 'x'.repeat(300_000) }),
        event(2, 'WAIT_OPENED', { kind: 'time' }, { path: 'steps[0]' }),
        event(3, 'RUN_WAITING', {}),
      ]),
  },
  {
    name: 'commitEvents after a reset',
    writer: 'commitEvents',
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
    writer: 'beginAction',
    write: (store) => store.beginAction(of, start, use, mine),
  },
  {
    name: 'renewLease',
    writer: 'renewLease',
    before: (store) => store.beginAction(of, start, use, lease('w1')),
    write: (store) => store.renewLease('acme', 'walked', mine),
  },
  {
    name: 'finishAction with domain writes',
    writer: 'finishAction',
    before: (store) => store.beginAction(of, start, use, mine),
    write: (store) =>
      store.finishAction(
        of,
        use,
        { status: 'SUCCEEDED', output: { large: 'x'.repeat(300_000) }, artifacts: [] },
        [
          { label: 'payment', statement: 'UPSERT payment:one SET times = (times ?? 0) + 1', variables: {} },
          { label: 'entry', statement: 'CREATE entry:one SET amount = $amount', variables: { amount: 5 } },
        ],
        'w1',
      ),
  },
  {
    name: 'putDefinition',
    writer: 'putDefinition',
    write: (store) => store.putDefinition('acme', definition),
  },
  {
    name: 'rebuildRun of rows that somebody changed',
    writer: 'rebuildRun',
    before: async (store) => {
      await store.beginAction(of, start, use, mine);
      await store.finishAction(of, use, { status: 'SUCCEEDED', output: 1, artifacts: [] }, [], 'w1');
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
    writer: 'removeClosedRuns',
    before: async (store) => {
      await store.beginAction(of, start, use, mine);
      await store.finishAction(of, use, { status: 'SUCCEEDED', output: 1, artifacts: [] }, [], 'w1');
      await store.commitEvents(of, [stepSucceeded(3, 'steps[0]'), event(4, 'RUN_SUCCEEDED', { result: 1 })]);
      const open = execution({ runId: uuid7(2_000_100) });
      await store.commitEvents(open, [runStarted()]);
    },
    write: (store) => store.maintenance.removeClosedRuns({ endedBefore: new Date(), limit: 10 }),
  },
];

// None of these changes a row.
const READERS = ['findDefinition', 'definitionIds', 'loggedRuns'];

const CLOCKS = ['started_at', 'ended_at', 'published_at'];

async function state(projections: Projections): Promise<unknown> {
  const rows = await tables(projections, CLOCKS);
  const domain = await projections.database.request(
    'SELECT * FROM payment; SELECT * FROM entry; SELECT * OMIT published_at FROM definition; SELECT * FROM definition_latest',
  );
  // A table that nothing was ever written to does not exist.
  return { ...rows, domain: domain.map((answer) => (answer.ok ? answer.value : [])) };
}

/**
 * Points that the last transaction of a write does not have. Where one of these is in a statement after the
 * refusal that sends the write to its slow path, the fault is never reached, and the write succeeds.
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
    afterAll(() => {
      const all = Object.values(walked).reduce((sum, points) => sum + points, 0);
      process.stdout.write(
        `failure walk of writers (${host.kind}): ${Object.keys(walked).length} writes, ${all} fault points\n`,
      );
    });

    it('is walked: the list has every writer there is', async () => {
      const projections = await host.open();
      const { database } = projections;
      const writers = [
        ...Object.keys(createStore({ database })),
        ...Object.keys(createMaintenance({ database })),
      ];
      expect([...new Set([...WALKS.map((walk) => walk.writer), ...READERS])].sort()).toEqual(writers.sort());
    });

    describe.each(WALKS)('$name', ({ name, before, write }) => {
      it('leaves nothing partial at any point, and the retry gives the rows of an undisturbed run', async () => {
        const asked: FaultPoint[] = [];
        const calm = await host.open({
          faults: (point) => {
            asked.push(point);
            return false;
          },
        });
        await before?.(calm);
        const initial = await state(calm);
        asked.length = 0;
        await write(calm);
        const expected = await state(calm);
        expect(asked.length).toBeGreaterThan(3);
        await calm.close();

        const refused = refusedPoints(asked);
        const points = new Set(asked);
        for (const point of points) {
          let armed = false;
          const disturbed = await host.open({ faults: (at) => armed && at === point });
          await before?.(disturbed);
          armed = true;
          const failed = await write(disturbed).then(
            () => undefined,
            (error: unknown) => error,
          );
          armed = false;
          if (failed === undefined) expect([...refused], `${point} is passed over`).toContain(point);
          else {
            expect(failed, point).toMatchObject({ code: 'DATABASE_FAILED', retryable: true });
            expect(await state(disturbed), point).toEqual(point === 'after-commit' ? expected : initial);
            await write(disturbed);
          }
          expect(await state(disturbed), `after ${point}`).toEqual(expected);
          await disturbed.close();
        }
        walked[name] = points.size;
      }, 120_000);
    });
  },
  ['surrealkv', 'server'],
);
