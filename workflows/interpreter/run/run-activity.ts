/** One action as a regular activity; the activity is also the carrier of the pending run events. */
import { ActivityCancellationType, scheduleActivity } from '@temporalio/workflow';
import { ActionResult, type ActionEnvelope } from '../../../contracts/run/activity.js';
import { SluiceError } from '../../../contracts/errors.js';
import { DEFAULTS } from '../../../contracts/definition/index.js';
import { isJsonObject, type Json } from '../../../contracts/json.js';
import { INFRASTRUCTURE_RETRY } from '../../runtime/retry-options.js';
import { committedBeforeFailure } from '../state/failure.js';
import type { Lane } from '../lane/lane.js';
import type { ActivityEnd } from '../lane/operations.js';
import type { Run } from './run.js';

/**
 * Time beside an action's timeout, ms: the activity itself ends the action at its timeout; Temporal's own
 * timeout comes later, for a worker that is lost.
 */
export const TIMEOUT_GRACE_MS = 5_000;

export interface ActivityCall {
  readonly action: string;
  readonly input: Json;
  /** Size of what the input holds beside the events, bytes. */
  readonly bytes: number;
  readonly heartbeatMs: number | undefined;
  readonly summary: string;
  readonly envelope: (events: ActionEnvelope['events']) => ActionEnvelope;
}

/**
 * Runs the action. Temporal repeats infrastructure failures without a count; an error that the action reports
 * comes back at once.
 *
 * This is not an asynchronous function, and has one `then` for all that follows: see `Operations.activity`.
 * @param lane its cancellation cancels the activity; absent: nothing cancels it
 * @param end handlers for the end of the step; they must not throw
 */
export function runActivity<T>(
  run: Run,
  { action, input, bytes, heartbeatMs, summary, envelope: envelopeWith }: ActivityCall,
  lane: Lane | undefined,
  end: ActivityEnd<ActionResult, T>,
): Promise<T> {
  const batch = run.log.take();
  const envelope = envelopeWith([...batch.events]);
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
        retry: INFRASTRUCTURE_RETRY,
        cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary,
      }),
    {
      succeeded: (answer) => {
        const refused = refusedResult(run, answer);
        if (refused !== undefined) return failed(refused);
        const parsed = ActionResult.safeParse(answer);
        if (!parsed.success) return failed(parsed.error);
        run.log.settle(batch, true);
        return end.succeeded(parsed.data);
      },
      failed,
    },
  );
}

/**
 * Why the result of an activity is not taken; undefined: it is. The worker's own check comes first, so this
 * one is for an activity that somebody completed by hand. What the ledger had recorded stays as it was.
 */
export function refusedResult(run: Run, answer: unknown): SluiceError | undefined {
  if (isJsonObject(answer) && answer['recorded'] === true) return undefined;
  const reason = run.doors.refusal(answer, 'The result of the action');
  return reason === undefined ? undefined : new SluiceError('ACTION_OUTPUT_INVALID', reason);
}
