/** Load: many writers write many runs at once. Each event is stored once, and none is missing. */
import { expect, it } from 'vitest';
import type { RunEvent } from '../../../contracts/run/run-events.js';
import { openProjections } from '../../../projections/index.js';
import { onEveryDatabase } from '../support/databases.js';
import { soakSize } from '../../support/soak.js';
import { event, execution, runStartedAs, stepStarted, stepSucceeded } from '../support/runs.js';

const RUNS = soakSize({ small: 200, full: 4_000 });
const WRITERS = 20;
/** The largest page of a list. */
const PAGE = 500;
const LIMIT_MS = 120_000 + RUNS * 300;
const STEPS = 3;

onEveryDatabase(
  `${RUNS} runs and ${WRITERS} writers`,
  (host) => {
    it(
      'many runs and writers lose no event, double none and leave no gap',
      async () => {
        const options = await host.fresh();
        const projections = await openProjections(options);
        const runs = Array.from({ length: RUNS }, () => execution());
        // Each commit of a run carries the start again. The lanes' commits arrive in any order, and some
        // arrive twice.
        const queue = Array.from({ length: STEPS + 1 }).flatMap((_, round) =>
          runs.flatMap((of, i) => {
            const lane = (round + i) % (STEPS + 1);
            const begin = runStartedAs(of);
            const events: RunEvent[] =
              lane === STEPS
                ? [begin, event(2 + 2 * STEPS, 'STATE_SET', { state: 'done' })]
                : [
                    begin,
                    stepStarted(2 + 2 * lane, `steps[${lane}]`),
                    stepSucceeded(3 + 2 * lane, `steps[${lane}]`),
                  ];
            return (i + round) % 7 === 0
              ? [
                  { of, events },
                  { of, events },
                ]
              : [{ of, events }];
          }),
        );
        let next = 0;
        await Promise.all(
          Array.from({ length: WRITERS }, async () => {
            for (let job = queue[next++]; job !== undefined; job = queue[next++]) {
              await projections.commitEvents(job.of, job.events);
            }
          }),
        );
        const last = 2 + 2 * STEPS;
        for (const { run } of runs) {
          const log = await projections.reads.checkContiguity(run.tenant, run.runId);
          expect(log).toEqual({ lastSeq: last, gaps: [], doubled: [] });
        }
        const [events] = await projections.database.request('SELECT VALUE count() FROM run_event GROUP ALL');
        expect(events).toEqual({ ok: true, value: [{ count: RUNS * last }] });
        const listed = await projections.reads.listRuns('acme', { state: 'done' }, { limit: PAGE });
        expect(listed.items.length).toBe(Math.min(RUNS, PAGE));
        // The rows match the log: no update was lost between two writers.
        for (const { run } of runs.slice(0, 10)) {
          expect(await projections.maintenance.rebuildRun(run.tenant, run.runId)).toEqual([]);
        }
        await projections.close();
      },
      LIMIT_MS,
    );
  },
  ['surrealkv', 'rocksdb', 'server'],
);
