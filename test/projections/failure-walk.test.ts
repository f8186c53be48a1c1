/**
 * Every writer, failed at every point of its transaction: nothing partial remains, and the retry gives the
 * rows of an undisturbed run. The points are found by watching an undisturbed run, so that a new statement
 * cannot be forgotten; the writers are checked against the interface, so that a new one cannot either.
 */
import { describe, expect, it } from 'vitest';
import type { ProjectionStore } from '../../contracts/projection.js';
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
  readonly writer: keyof ProjectionStore | 'rebuildRun' | 'removeClosedRuns';
  readonly before?: (store: ProjectionStore) => Promise<unknown>;
  readonly write: (store: ProjectionStore, all: Projections) => Promise<unknown>;
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
];

// Neither changes a row.
const READERS = ['findDefinition', 'definitionIds'];

const CLOCKS = ['started_at', 'ended_at', 'published_at'];

async function state(projections: Projections): Promise<unknown> {
  const rows = await tables(projections, CLOCKS);
  const domain = await projections.database.request(
    'SELECT * FROM payment; SELECT * FROM entry; SELECT * OMIT published_at FROM definition; SELECT * FROM definition_latest',
  );
  // A table that nothing was ever written to does not exist.
  return { ...rows, domain: domain.map((answer) => (answer.ok ? answer.value : [])) };
}

onEveryDatabase('A writer that fails', (host) => {
  it('is walked: the list has every writer of the store', async () => {
    const projections = await host.open();
    const writers = Object.keys(createStore({ database: projections.database }));
    expect([...new Set([...WALKS.map((walk) => walk.writer), ...READERS])].sort()).toEqual(writers.sort());
  });

  describe.each(WALKS)('$name', ({ before, write }) => {
    it('leaves nothing partial at any point, and the retry gives the rows of an undisturbed run', async () => {
      const seen = new Set<FaultPoint>();
      const calm = await host.open({
        faults: (point) => {
          seen.add(point);
          return false;
        },
      });
      await before?.(calm);
      const initial = await state(calm);
      seen.clear();
      await write(calm, calm);
      const expected = await state(calm);
      expect(seen.size).toBeGreaterThan(3);
      await calm.close();

      for (const point of seen) {
        let armed = false;
        const disturbed = await host.open({
          faults: (at) => {
            const fire = armed && at === point;
            if (fire) armed = false;
            return fire;
          },
        });
        await before?.(disturbed);
        armed = true;
        await expect(write(disturbed, disturbed), point).rejects.toMatchObject({
          code: 'DATABASE_FAILED',
          retryable: true,
        });
        expect(armed, `${point} was reached`).toBe(false);
        expect(await state(disturbed), point).toEqual(point === 'after-commit' ? expected : initial);
        await write(disturbed, disturbed);
        expect(await state(disturbed), `after ${point}`).toEqual(expected);
        await disturbed.close();
      }
      process.stdout.write(`failure walk (${host.kind}): ${seen.size} points\n`);
    }, 120_000);
  });
});
