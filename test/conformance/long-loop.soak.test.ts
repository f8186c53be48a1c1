/** A loop that is long enough to continue as new several times. */
import { expect, it } from 'vitest';
import { soakSize } from '../support/soak.js';
import { eventCounts, historiesOf, replay } from './support/histories.js';
import { LONG_MS } from './support/limit-run.js';
import { countOf } from './support/log-lines.js';
import { foldLog } from './support/log-rules.js';
import { endOf } from './support/play.js';
import { expectRows } from './support/rows.js';
import { openWorld } from './support/world.js';

const STEPS = soakSize({ small: 500, full: 2_000 });

it(
  `${STEPS} steps in one loop end SUCCEEDED over several executions, with every event in the log once`,
  { timeout: LONG_MS },
  async () => {
    const own = await openWorld({ limits: { historyEvents: STEPS * 1.25, historyEventsMost: 40_000 } });
    try {
      await own.publish({
        id: 'long-loop',
        version: 1,
        steps: [
          {
            id: 'l',
            type: 'control.while',
            condition: { $expr: `coalesce(n, 0) < ${STEPS}` },
            maxIterations: STEPS,
            body: [
              {
                id: 'a',
                type: 'action.call',
                action: 'core.echo',
                input: { $expr: 'coalesce(n, 0) + 1' },
                saveAs: 'n',
              },
            ],
          },
        ],
        result: { $expr: 'n' },
      });
      const handle = await own.start('long-loop');
      expect(await endOf(handle)).toEqual({ kind: 'result', result: STEPS });
      const log = own.log(handle.firstExecutionRunId);
      const folded = foldLog(log);
      expect(folded.run).toBe('SUCCEEDED');
      await expectRows(
        own.projections,
        { tenant: 'default', runId: handle.firstExecutionRunId },
        log,
        folded,
      );
      expect(countOf(log, 'STEP_STARTED a')).toBe(STEPS);
      expect(countOf(log, 'STEP_SUCCEEDED a')).toBe(STEPS);
      const histories = await historiesOf(own, handle.workflowId, handle.firstExecutionRunId);
      expect(histories.length).toBeGreaterThan(3);
      const { EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: scheduled } = eventCounts(histories);
      // One activity for each step; one more for each continue-as-new and for the end at most.
      expect(scheduled).toBeLessThanOrEqual(STEPS + histories.length);
      await replay(histories);
    } finally {
      await own.close();
    }
  },
);
