/**
 * Errors on their way through a run. The code, message and details of an action or a child reach `error` in a
 * catch branch and the run's failure unchanged (errors-keep-their-code). Cancellation never becomes an error
 * (cancel-is-not-an-error).
 */
import {
  ActivityFailure,
  ApplicationFailure,
  ChildWorkflowFailure,
  TimeoutFailure,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ActionFailureDetails,
  DATABASE_IS_EMPTY,
  LOCAL_ACTION_UNENDED,
} from '../../../contracts/run/activity.js';
import {
  ErrorCategory,
  SluiceError,
  errorEntry,
  isErrorCode,
  RunError,
  RunFailureDetails,
} from '../../../contracts/errors.js';
import { isJsonObject, type Json } from '../../../contracts/json.js';
import { isoAt, now } from '../../runtime/clock.js';
import type { Completion } from './state.js';

/** Characters of an error's message, which is kept in the log, in rows and in `error`. */
export const MESSAGE_CHARACTERS = 10_000;

export type ErrorCompletion = Extract<Completion, { t: 'error' }>;

/**
 * Whether an author's handler may see the error. A denial and a corrupt state pass every onError, catch,
 * settled branch, lost race and retry. The corrupt state of a child concerns the child only, so it can be
 * caught.
 */
export function isCatchable(error: RunError): boolean {
  if (error.code === 'UNAUTHORIZED') return false;
  return error.code !== 'STATE_CORRUPT' || error.category === 'child';
}

/**
 * Makes a completion from anything that was thrown in a step.
 * @param thrown a SluiceError, a Temporal failure, or a defect
 * @param stepPath where it happened; null: outside of any step
 * @param attempt the author's attempt, from 1
 */
export function errorCompletion(thrown: unknown, stepPath: string | null, attempt = 1): ErrorCompletion {
  const { code, message, category, details, retryable } = classify(thrown);
  return {
    t: 'error',
    retryable,
    error: {
      code,
      message: message.slice(0, MESSAGE_CHARACTERS),
      category,
      stepPath,
      at: isoAt(now()),
      attempt,
      details,
    },
  };
}

interface Classified {
  readonly code: string;
  readonly message: string;
  readonly category: ErrorCategory;
  readonly details: Json;
  readonly retryable: boolean;
}

function classify(thrown: unknown): Classified {
  if (thrown instanceof SluiceError) {
    const { code, message, category, retryable } = thrown;
    return { code, message, category, retryable, details: thrown.details ?? null };
  }
  if (thrown instanceof ActivityFailure) return ofActivity(thrown);
  if (thrown instanceof ChildWorkflowFailure) return ofChild(thrown);
  if (thrown instanceof WorkflowExecutionAlreadyStartedError) {
    return fromTable('CHILD_START_FAILED', thrown.message);
  }
  if (thrown instanceof ApplicationFailure) return ofApplication(thrown, 'internal');
  const message = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : JSON.stringify(thrown);
  return fromTable('INTERNAL', message);
}

function fromTable(code: string, message: string, details: Json = null): Classified {
  const entry = errorEntry(code);
  return {
    code,
    message,
    category: entry?.category ?? 'action',
    details,
    retryable: entry?.retryable ?? true,
  };
}

function ofActivity(failure: ActivityFailure): Classified {
  const cause = failure.cause;
  if (cause instanceof TimeoutFailure) {
    return fromTable('ACTION_TIMEOUT', `${failure.activityType} did not end in time (${cause.timeoutType})`, {
      timeoutType: String(cause.timeoutType),
    });
  }
  if (cause instanceof ApplicationFailure) return ofApplication(cause, 'action');
  return fromTable('ACTION_FAILED', cause?.message ?? failure.message);
}

function ofApplication(failure: ApplicationFailure, category: ErrorCategory): Classified {
  const code = isErrorCode(failure.type)
    ? failure.type
    : category === 'action'
      ? 'ACTION_FAILED'
      : 'INTERNAL';
  const reported = ActionFailureDetails.safeParse(failure.details?.[0]);
  if (reported.success) {
    const known = ErrorCategory.safeParse(reported.data.category);
    return {
      code,
      message: failure.message,
      category: known.success ? known.data : category,
      details: reported.data.details,
      retryable: reported.data.retryable,
    };
  }
  const entry = errorEntry(code);
  return {
    code,
    message: failure.message,
    category: entry?.category ?? category,
    details: (failure.details?.[0] as Json | undefined) ?? null,
    retryable: entry?.retryable ?? failure.nonRetryable !== true,
  };
}

function ofChild(failure: ChildWorkflowFailure): Classified {
  const cause = failure.cause;
  if (cause instanceof TimeoutFailure) {
    return fromTable('CHILD_TIMEOUT', `${failure.workflowType} did not end in time`);
  }
  if (cause instanceof ApplicationFailure) {
    const error = RunError.safeParse(cause.details?.[0]);
    const runDetails = RunFailureDetails.safeParse(cause.details?.[1]);
    const code = isErrorCode(cause.type) ? cause.type : 'CHILD_FAILED';
    return {
      code,
      message: cause.message,
      category: 'child',
      details: error.success ? (error.data.details ?? null) : null,
      retryable: runDetails.success ? runDetails.data.retryable : (errorEntry(code)?.retryable ?? true),
    };
  }
  return fromTable('CHILD_TERMINATED', `${failure.workflowType} was cancelled or terminated from outside`);
}

/** Whether a carrier that failed with this had committed its events, and which of signals it had. */
export function committedBeforeFailure(thrown: unknown): { committed: boolean; signals?: string } {
  const none = { committed: false };
  if (!(thrown instanceof ActivityFailure) || !(thrown.cause instanceof ApplicationFailure)) return none;
  return ActionFailureDetails.safeParse(thrown.cause.details?.[0]).data ?? none;
}

/**
 * Ids of the artifacts that an attempt had made before it failed; `denied` where a policy stopped it before
 * it began (one that was stopped later says `begun`), `key-used` where the ledger did, because other work had
 * its key.
 */
export function artifactsOfFailure(thrown: unknown): readonly string[] | 'denied' | 'key-used' {
  if (!(thrown instanceof ActivityFailure) || !(thrown.cause instanceof ApplicationFailure)) return [];
  const details = ActionFailureDetails.safeParse(thrown.cause.details?.[0]);
  if (thrown.cause.type === 'UNAUTHORIZED') {
    const why = details.data?.details;
    if (!isJsonObject(why) || why['begun'] !== true) return 'denied';
  }
  if (thrown.cause.type === 'IDEMPOTENCY_KEY_REUSED') return 'key-used';
  return (details.success ? details.data.artifacts : undefined) ?? [];
}

/** Whether a local activity failed because its worker lacks an action: another worker may have it. */
export function lacksAction(thrown: unknown): boolean {
  const cause = thrown instanceof ActivityFailure ? thrown.cause : thrown;
  return cause instanceof ApplicationFailure && cause.type === 'ACTION_NOT_FOUND';
}

/** Whether a local activity was handed back because it began before and has not ended. */
export function isUnended(thrown: unknown): boolean {
  const cause = thrown instanceof ActivityFailure ? thrown.cause : thrown;
  return cause instanceof ApplicationFailure && cause.type === LOCAL_ACTION_UNENDED;
}

/** Whether the database had no definition at all when the run was to be prepared. */
export function foundNothing(thrown: unknown): boolean {
  const cause = thrown instanceof ActivityFailure ? thrown.cause : thrown;
  if (!(cause instanceof ApplicationFailure) || cause.type !== 'DEFINITION_NOT_FOUND') return false;
  const [failure] = cause.details ?? [];
  const details = isJsonObject(failure) ? failure['details'] : undefined;
  return isJsonObject(details) && details[DATABASE_IS_EMPTY] === true;
}

/** Whether the worker handed the attempt back: it did nothing. Seen only if a cancellation came meanwhile. */
export function isHandedBack(thrown: unknown): boolean {
  const cause = thrown instanceof ActivityFailure ? thrown.cause : thrown;
  return cause instanceof ApplicationFailure && cause.type === 'TENANT_BUSY';
}

/**
 * The failure that ends a run, for every Temporal client: `type` is the code, the first of the details is the
 * error.
 */
export function runFailure({ error, retryable }: ErrorCompletion): ApplicationFailure {
  return ApplicationFailure.create({
    type: error.code,
    message: error.message,
    nonRetryable: true,
    details: [error, { retryable } satisfies RunFailureDetails],
  });
}

/** The failure of a run that could not start: it has the same shape as any other. */
export function startFailure(thrown: unknown): Error {
  return runFailure(errorCompletion(thrown, null));
}
