/**
 * After a rewind a step runs again under another key; the ledger row of its first execution doesn't settle
 * it.
 */
import { describe, expect, it } from 'vitest';
import type { Execution } from '../../../contracts/run/projection.js';
import type { Projections } from '../../../projections/index.js';
import { onEveryDatabase } from '../support/databases.js';
import {
  event,
  execution,
  invocation,
  lease,
  runStartedAs,
  stepStarted,
  stepSucceeded,
  uuid7,
} from '../support/runs.js';

const AGAIN = 'k~g1';
const done = (projections: Projections, of: Execution, key: string, output: string) =>
  projections.finishAction(of, invocation(key), {
    outcome: { status: 'SUCCEEDED', output, artifacts: [] },
    writes: [],
    holder: 'w1',
  });
const stepsOf = async ({ reads }: Projections, { run }: Execution) =>
  (await reads.listSteps(run.tenant, run.runId)).items.map(
    ({ path, status, idempotencyKey, output }) =>
      `${path} ${status} ${idempotencyKey} ${JSON.stringify(output)}`,
  );

onEveryDatabase('The rows of a run that was rewound', (host) => {
  describe('a step that runs again', () => {
    it('a step that runs again stays open until its own key has ended, even if the earlier key ends late', async () => {
      const projections = await host.open();
      const first = execution();
      await projections.beginAction(
        first,
        [runStartedAs(first), stepStarted(2, 'steps[0]', 'k')],
        invocation('k'),
        lease('w1'),
      );
      await done(projections, first, 'k', 'old');
      await projections.commitEvents(first, [
        stepSucceeded(3, 'steps[0]'),
        event(4, 'RUN_SUCCEEDED', { result: null }),
      ]);

      const second: Execution = { ...first, executionId: uuid7(9_000) };
      const rewound = event(2, 'RUN_REWOUND', {
        generation: 'g1',
        step: 'steps[0]',
        iteration: [],
        previous: first.executionId,
      });
      await projections.commitEvents(second, [{ ...rewound, at: rewound.at + 60_000 }]);
      expect(await stepsOf(projections, first), 'the step has not begun again').toEqual([]);

      const start = stepStarted(3, 'steps[0]', AGAIN);
      await projections.beginAction(
        second,
        [{ ...start, at: start.at + 60_000 }],
        invocation(AGAIN),
        lease('w1'),
      );
      expect(await stepsOf(projections, first)).toEqual([`steps[0] RUNNING ${AGAIN} null`]);
      // A worker finishes the old attempt late.
      await projections.finishAction(
        first,
        { ...invocation('late') },
        { outcome: { status: 'SUCCEEDED', output: 'late', artifacts: [] }, writes: [], holder: 'w1' },
      );
      expect(await stepsOf(projections, first)).toEqual([`steps[0] RUNNING ${AGAIN} null`]);
      await projections.maintenance.rebuildRun(first.run.tenant, first.run.runId);
      expect(await stepsOf(projections, first), 'rebuilt').toEqual([`steps[0] RUNNING ${AGAIN} null`]);

      await done(projections, second, AGAIN, 'new');
      expect(await stepsOf(projections, first)).toEqual([`steps[0] SUCCEEDED ${AGAIN} "new"`]);
      await projections.maintenance.rebuildRun(first.run.tenant, first.run.runId);
      expect(await stepsOf(projections, first), 'rebuilt').toEqual([`steps[0] SUCCEEDED ${AGAIN} "new"`]);
    });
  });
});
