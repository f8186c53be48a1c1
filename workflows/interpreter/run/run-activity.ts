/**
 * One action as a regular activity; the activity is also the carrier of the pending run events.
 *
 * Invariant (what-a-person-gives-is-checked): a result is a worker's if it has the form of one and the seal
 * of its attempt. Every other was given by a person, with `temporal activity complete`: a worker checks it
 * against the action's schema before the run takes it. Workers of release 0.1.0 set no seal; their results
 * are in the ledger, which decides then.
 */
import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  scheduleActivity,
} from '@temporalio/workflow';
import {
  ActionResult,
  type ActionEnvelope,
  type CompletionRequest,
} from '../../../contracts/run/activity.js';
import { ACTIVITY_TYPES } from '../../../contracts/run/messages.js';
import { SluiceError } from '../../../contracts/errors.js';
import { DEFAULTS } from '../../../contracts/definition/index.js';
import { sealOf } from '../../../contracts/run/signal-prints.js';
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

/** Most bytes of what goes to the check; Temporal takes 2 MiB. */
const COMPLETION_BYTES = 1_900_000;

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
  const batch = run.log.take(false);
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
        const ofWorker = refused === undefined && hasFormOfWorker(answer) && parsed.success;
        if (ofWorker) {
          if (parsed.data.seal === sealOf(envelope)) return succeeded(parsed.data);
          // Before, nothing told what a person gave in this form from what a worker answers.
          if (!run.sealedResults.inForce()) return succeeded(parsed.data);
          const given = givenBy(answer, bytes + batch.bytes, wrongNumbers(run, answer));
          const request = { action, input, envelope, asResult: true, ...given };
          return complete(run, request, bytes + batch.bytes, {
            succeeded,
            // A worker of release 0.1.0 does not know the check, and set no seal.
            failed: (thrown) => (isUnknownCheck(thrown) ? succeeded(parsed.data) : failed(thrown)),
          });
        }
        // Before, a bare output was a defect of Sluice, and the ledger stayed open.
        if (run.completions.inForce()) {
          const given = givenBy(answer, bytes + batch.bytes, refused);
          const request = { action, input, envelope, ...given };
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
        if (!parsed.success) return end.failed(notUnderstood(request.action));
        const sealed = parsed.data.seal === sealOf(request.envelope);
        return sealed || !run.sealedResults.inForce()
          ? end.succeeded(parsed.data)
          : end.failed(notUnderstood(request.action));
      },
      failed: end.failed,
    },
  );
}

/**
 * Whether it is an ActionResult and nothing else. What a person completes an activity with is the action's
 * own output, which may have a field of the same name.
 */
function hasFormOfWorker(answer: unknown): boolean {
  return isJsonObject(answer) && Object.keys(answer).every((key) => Object.hasOwn(ActionResult.shape, key));
}

/** Whether the worker that was given the check is of a release that has none. */
function isUnknownCheck(thrown: unknown): boolean {
  const cause = thrown instanceof ActivityFailure ? thrown.cause : thrown;
  return cause instanceof ApplicationFailure && cause.type === 'NAME_RESERVED';
}

/**
 * What a person gave, for the check; or why it is not even looked at.
 * @param others bytes of what goes to the check beside it
 */
function givenBy(
  answer: unknown,
  others: number,
  refused: SluiceError | undefined,
): Pick<CompletionRequest, 'value' | 'refused'> {
  if (refused !== undefined) return { refused: refused.message };
  const value = jsonOf(answer);
  const size = jsonSize(value);
  if (size + others <= COMPLETION_BYTES) return { value };
  const room = Math.max(0, COMPLETION_BYTES - others);
  return { refused: `it has ${size} bytes; with the input of the action there is room for ${room}` };
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
  return isJsonObject(answer) && answer['recorded'] === true ? undefined : wrongNumbers(run, answer);
}

function wrongNumbers(run: Run, answer: unknown): SluiceError | undefined {
  const reason = run.doors.refusal(answer, 'The result of the action');
  return reason === undefined ? undefined : new SluiceError('ACTION_OUTPUT_INVALID', reason);
}
