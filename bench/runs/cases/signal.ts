/** From a signal to the start of the step that follows the wait. */
import { compared, inTurns } from '../measure.js';
import { nextBegin } from '../activities.js';
import { withStack } from '../stack.js';
import type { Case } from './case.js';

const SAMPLES = 20;
const EVENT = 'GO';

export const signalCase: Case = {
  name: 'signal',
  about: 'from a signal to the start of the next step',
  run: ({ rounds, say }) =>
    withStack(async (stack) => {
      await stack.publish({
        id: 'waits',
        version: 1,
        steps: [
          { id: 'w', type: 'event.wait', eventName: EVENT },
          {
            id: 'a',
            type: 'action.call',
            action: 'bench.mark',
            input: { n: 0, ms: 0, key: { $expr: 'payload' } },
          },
        ],
      });
      let keys = 0;
      say(`${SAMPLES} samples a round`);
      const pairs = await inTurns(rounds, async (kind) => {
        const samples: number[] = [];
        for (let i = 0; i < SAMPLES; i++) {
          const key = `key-${++keys}`;
          const { workflowId, result } = await stack.start(kind === 'sluice' ? 'waits' : 'waitByHand', key);
          const handle = stack.client.workflow.getHandle(workflowId);
          // Both answer only once the wait is open.
          for (let open = false; !open;) {
            open =
              kind === 'sluice'
                ? (await handle.query<{ waits: unknown[] }>('state')).waits.length > 0
                : await handle.query<boolean>('waiting');
          }
          // Nothing else is in progress: a wait has been open for a while when its event arrives.
          for (let busy = true; busy;) {
            const { raw } = await handle.describe();
            busy = (raw.pendingActivities ?? []).length > 0 || Boolean(raw.pendingWorkflowTask);
          }
          const begins = nextBegin(key);
          const sent = performance.now();
          if (kind === 'sluice') await handle.signal('event', { eventId: key, eventName: EVENT });
          else await handle.signal('go', { eventId: key });
          await begins;
          samples.push(performance.now() - sent);
          await result();
        }
        samples.sort((a, b) => a - b);
        return samples[Math.floor(SAMPLES / 2)] ?? NaN;
      });
      return [
        compared(
          { case: 'signal', what: 'from the signal to the next step, p50 of each round', unit: 'ms' },
          pairs,
          { text: 'baseline + 5 ms', holds: (_, sluice, byHand) => sluice <= byHand + 5 },
        ),
      ];
    }),
};
