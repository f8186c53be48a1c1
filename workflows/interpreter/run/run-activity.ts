/** One action as a regular activity; the activity is also the carrier of the pending run events. */
import { ActivityCancellationType, scheduleActivity } from '@temporalio/workflow';
import {
  ActionResult,
  type ActionEnvelope,
  type CompletionRequest,
} from '../../../contracts/run/activity.js';
import { ACTIVITY_TYPES } from '../../../contracts/run/messages.js';
import { SluiceError } from '../../../contracts/errors.js';
import { DEFAULTS } from '../../../contracts/definition/index.js';
import { isJsonObject, jsonSize, JsonValue, type Json } from '../../../contracts/json.js';
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

/** Limit of the check of what a person completed an action with, ms. */
const COMPLETION_MS = 60_000;

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
  const succeeded = (result: ActionResult): T | Promise<T> => {
    run.log.settle(batch, true, result.signals);
    return end.succeeded(result);
  };
  const failed = (thrown: unknown): T | Promise<T> => {
    const { committed, signals } = committedBeforeFailure(thrown);
    run.log.settle(batch, committed, signals);
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
        const parsed = ActionResult.safeParse(answer);
        const byHand = refused !== undefined || !parsed.success || !isOfWorker(answer);
        // Before, a bare output was a defect of Sluice, and the ledger stayed open.
        if (byHand && run.completions.inForce()) {
          const outcome = refused === undefined ? { value: jsonOf(answer) } : { refused: refused.message };
          const request = { action, input, envelope, ...outcome };
          return complete(run, request, bytes + batch.bytes, { succeeded, failed });
        }
        if (refused !== undefined) return failed(refused);
        return parsed.success ? succeeded(parsed.data) : failed(parsed.error);
      },
      failed,
    },
  );
}

/** Has a worker check and record what a person completed the action with. Nothing cancels this. */
function complete<T>(
  run: Run,
  request: CompletionRequest,
  bytes: number,
  end: ActivityEnd<ActionResult, T>,
): Promise<T> {
  run.budget.command(bytes + (request.value === undefined ? 0 : jsonSize(request.value)));
  return run.operations.activity(
    undefined,
    () =>
      scheduleActivity(ACTIVITY_TYPES.completeAction, [request], {
        startToCloseTimeout: COMPLETION_MS,
        retry: INFRASTRUCTURE_RETRY,
        summary: `completed by hand: ${request.action}`,
      }),
    {
      succeeded: (answer) => {
        const parsed = ActionResult.safeParse(answer);
        return parsed.success ? end.succeeded(parsed.data) : end.failed(notUnderstood(request.action));
      },
      failed: end.failed,
    },
  );
}

/**
 * Whether it is an ActionResult and nothing else. What a person completes an activity with is the action's
 * own output, which may have a field of the same name.
 */
function isOfWorker(answer: unknown): boolean {
  return isJsonObject(answer) && Object.keys(answer).every((key) => Object.hasOwn(ActionResult.shape, key));
}

/** What the payload converter made of a result: JSON, or undefined where there was none. */
function jsonOf(answer: unknown): Json {
  return JsonValue.safeParse(answer).data ?? null;
}

function notUnderstood(action: string): SluiceError {
  return new SluiceError(
    'ACTION_OUTPUT_INVALID',
    `The check of what ${action} was completed with was itself completed by hand`,
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
