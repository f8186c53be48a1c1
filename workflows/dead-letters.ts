/**
 * `sluice.deadLetters`: dead letters through Temporal, so that no client needs access to the database.
 *
 * A retry takes the normal path: the action runs as its own activity type, with policies, ledger and the same
 * idempotency key. Each dead letter that is retried has one workflow id, so two operators cannot retry it at
 * once; losing a worker meanwhile costs nothing.
 */
import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  getExternalWorkflowHandle,
  scheduleActivity,
} from '@temporalio/workflow';
import {
  BegunRetry,
  DeadLetterRequest,
  type DeadLetterActivityRequest,
} from '../contracts/events/dead-letter.js';
import { DEFAULTS } from '../contracts/definition/index.js';
import { SluiceError } from '../contracts/errors.js';
import type { Json } from '../contracts/json.js';
import { ACTIVITY_TYPES, SIGNALS } from '../contracts/run/messages.js';
import { claimed, claimsAreChecked } from './runtime/claims.js';
import { isoAt, now } from './runtime/clock.js';
import { INFRASTRUCTURE_RETRY } from './runtime/retry-options.js';
import { errorCompletion, runFailure, startFailure } from './interpreter/state/failure.js';
import { TIMEOUT_GRACE_MS } from './interpreter/run/run-activity.js';

/** Characters of an error that a dead letter's row keeps. */
const ERROR_CHARACTERS = 2_000;

/**
 * Performs one request about dead letters.
 * @param request a DeadLetterRequest
 * @returns what the request asks for: a page, a letter, or null
 * @throws ApplicationFailure INPUT_INVALID, DEAD_LETTER_*, or the error of the action that was retried
 */
export async function runDeadLetters(request: unknown): Promise<unknown> {
  const parsed = DeadLetterRequest.safeParse(request);
  if (!parsed.success) {
    throw startFailure(new SluiceError('INPUT_INVALID', 'No request about dead letters'));
  }
  if (parsed.data.act === 'retry') return await retry(parsed.data);
  return await act({ at: isoAt(now()), ...parsed.data });
}

async function retry(request: Extract<DeadLetterRequest, { act: 'retry' }>): Promise<null> {
  const about = { ...request, at: isoAt(now()) };
  const begun = BegunRetry.safeParse(await act({ ...about, act: 'begin' })).data;
  if (begun === undefined) {
    throw startFailure(
      new SluiceError('ACTION_OUTPUT_INVALID', 'The begin of the retry was completed by hand'),
    );
  }
  if (begun.kind === 'event') {
    await act({
      ...about,
      act: 'end',
      error: 'An event goes back over the bus, which its client has to have',
    });
    throw startFailure(
      new SluiceError('DEAD_LETTER_NOT_RETRYABLE', 'An event is retried by a client that has a bus'),
    );
  }
  // The bridge ends it, with its outcome.
  if (begun.kind === 'left') return null;
  if (begun.kind === 'signal') await resend(about, begun);
  if (begun.kind === 'action') {
    const { action, input, envelope } = begun;
    try {
      await scheduleActivity(action, [input, envelope], {
        startToCloseTimeout: envelope.timeoutMs + TIMEOUT_GRACE_MS,
        heartbeatTimeout: DEFAULTS.heartbeatMs,
        retry: INFRASTRUCTURE_RETRY,
        cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary: `retry ${request.id}`,
      });
    } catch (thrown) {
      const failed = errorCompletion(thrown, envelope.step.path, envelope.step.attempt);
      await act({
        ...about,
        at: isoAt(now()),
        act: 'end',
        error: `${failed.error.code}: ${failed.error.message}`.slice(0, ERROR_CHARACTERS),
      });
      throw runFailure(failed);
    }
  }
  await act({ ...about, at: isoAt(now()), act: 'end' });
  return null;
}

/** Sends a run again what it could not keep; where that fails, the letter is open again. */
async function resend(
  about: { readonly tenant: string; readonly id: string; readonly actor: string },
  { workflowId, signal }: Extract<BegunRetry, { kind: 'signal' }>,
): Promise<void> {
  try {
    await getExternalWorkflowHandle(workflowId).signal(
      SIGNALS.event,
      claimsAreChecked() ? claimed(signal, `signal ${SIGNALS.event}`) : signal,
    );
  } catch (thrown) {
    const error = new SluiceError('WORKFLOW_NOT_FOUND', `The run ${workflowId} has ended`, { cause: thrown });
    await act({ ...about, at: isoAt(now()), act: 'end', error: `${error.code}: ${error.message}` });
    throw startFailure(error);
  }
}

async function act(request: DeadLetterActivityRequest & { readonly at?: string | undefined }): Promise<Json> {
  try {
    return await scheduleActivity<Json>(ACTIVITY_TYPES.deadLetters, [request], {
      startToCloseTimeout: '1m',
      retry: INFRASTRUCTURE_RETRY,
      summary: request.act,
    });
  } catch (thrown) {
    if (thrown instanceof ActivityFailure && thrown.cause instanceof ApplicationFailure) throw thrown.cause;
    throw thrown;
  }
}
