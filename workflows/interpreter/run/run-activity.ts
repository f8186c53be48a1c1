/** One action as a regular activity, which carries the pending events. */
import { ActivityCancellationType, scheduleActivity } from '@temporalio/workflow';
import { ActionResult, type ActionEnvelope } from '../../../contracts/run/activity.js';
import { DEFAULTS } from '../../../contracts/definition/index.js';
import type { Json } from '../../../contracts/json.js';
import { committedBeforeFailure } from '../state/failure.js';
import type { Lane } from '../lane/lane.js';
import type { ActivityEnd } from '../lane/operations.js';
import type { Run } from './run.js';

/** The activity ends the action itself at its timeout; Temporal's own comes later, for a worker that is lost. */
export const TIMEOUT_GRACE_MS = 5_000;

export interface ActivityCall {
  readonly action: string;
  readonly input: Json;
  /** Of what travels beside the events. */
  readonly bytes: number;
  readonly heartbeatMs: number | undefined;
  readonly summary: string;
  readonly envelope: (events: ActionEnvelope['events']) => ActionEnvelope;
}

/**
 * Runs it. An infrastructure failure is Temporal's to repeat, without a count; an error of the action's own
 * comes back at once.
 *
 * No asynchronous function, and one `then` for all that follows: see `Operations.activity`.
 * @param lane whose cancellation cancels it; absent: nothing does
 * @param end what becomes of the step; it must not throw
 */
export function runActivity<T>(
  run: Run,
  { action, input, bytes, heartbeatMs, summary, envelope: make }: ActivityCall,
  lane: Lane | undefined,
  end: ActivityEnd<ActionResult, T>,
): Promise<T> {
  const batch = run.log.take();
  const envelope = make([...batch.events]);
  run.budget.command(bytes + batch.bytes);
  const failed = (thrown: unknown): T => {
    run.log.settle(batch, committedBeforeFailure(thrown));
    return end.failed(thrown);
  };
  return run.operations.activity(
    lane,
    () =>
      scheduleActivity(action, [input, envelope], {
        startToCloseTimeout: envelope.timeoutMs + TIMEOUT_GRACE_MS,
        heartbeatTimeout: heartbeatMs ?? DEFAULTS.heartbeatMs,
        retry: { initialInterval: 200, backoffCoefficient: 2, maximumInterval: '10s' },
        cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary,
      }),
    {
      succeeded: (answer) => {
        const parsed = ActionResult.safeParse(answer);
        if (!parsed.success) return failed(parsed.error);
        run.log.settle(batch, true);
        return end.succeeded(parsed.data);
      },
      failed,
    },
  );
}
