/**
 * Errors on their way through a run. An action's and a child's own code, message and details are kept all the
 * way to `error` in a catch branch and to the run's failure (trap 9). Cancellation is no error (trap 2).
 */
import {
  ActivityFailure,
  ApplicationFailure,
  ChildWorkflowFailure,
  TimeoutFailure,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ActionFailureDetails } from '../../../contracts/run/activity.js';
import {
  ErrorCategory,
  SluiceError,
  errorEntry,
  isErrorCode,
  RunError,
  RunFailureDetails,
} from '../../../contracts/errors.js';
import type { Json } from '../../../contracts/json.js';
import { isoAt, now } from '../../runtime/clock.js';
import type { Completion } from './state.js';

/** A message stands in the log, in rows and in `error`. */
const MESSAGE_CHARACTERS = 10_000;

export type ErrorCompletion = Extract<Completion, { t: 'error' }>;

/**
 * Whether an author's handler may see the error: no onError, no catch, no settled branch, no lost race and no
 * retry swallows a denial or a corrupt state. A child's corrupt state is the child's.
 */
export function isCatchable(error: RunError): boolean {
  if (error.code === 'UNAUTHORIZED') return false;
  return error.code !== 'STATE_CORRUPT' || error.category === 'child';
}

/**
 * Makes the completion of anything that was thrown in a step.
 * @param thrown a SluiceError, a Temporal failure, or a defect
 * @param stepPath where it happened
 * @param attempt the author's attempt
 */
export function errorCompletion(thrown: unknown, stepPath: string | null, attempt = 1): ErrorCompletion {
  const { code, message, category, details, retryable } = understand(thrown);
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

interface Understood {
  readonly code: string;
  readonly message: string;
  readonly category: ErrorCategory;
  readonly details: Json;
  readonly retryable: boolean;
}

function understand(thrown: unknown): Understood {
  if (thrown instanceof SluiceError) {
    const { code, message, category, retryable } = thrown;
    return { code, message, category, retryable, details: thrown.details ?? null };
  }
  if (thrown instanceof ActivityFailure) return ofActivity(thrown);
  if (thrown instanceof ChildWorkflowFailure) return ofChild(thrown);
  if (thrown instanceof WorkflowExecutionAlreadyStartedError) {
    return known('CHILD_START_FAILED', thrown.message);
  }
  if (thrown instanceof ApplicationFailure) return ofApplication(thrown, 'internal');
  const message = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : JSON.stringify(thrown);
  return known('INTERNAL', message);
}

function known(code: string, message: string, details: Json = null): Understood {
  const entry = errorEntry(code);
  return {
    code,
    message,
    category: entry?.category ?? 'action',
    details,
    retryable: entry?.retryable ?? true,
  };
}

function ofActivity(failure: ActivityFailure): Understood {
  const cause = failure.cause;
  if (cause instanceof TimeoutFailure) {
    return known('ACTION_TIMEOUT', `${failure.activityType} did not end in time (${cause.timeoutType})`, {
      timeoutType: String(cause.timeoutType),
    });
  }
  if (cause instanceof ApplicationFailure) return ofApplication(cause, 'action');
  return known('ACTION_FAILED', cause?.message ?? failure.message);
}

function ofApplication(failure: ApplicationFailure, category: ErrorCategory): Understood {
  const code = isErrorCode(failure.type)
    ? failure.type
    : category === 'action'
      ? 'ACTION_FAILED'
      : 'INTERNAL';
  const own = ActionFailureDetails.safeParse(failure.details?.[0]);
  if (own.success) {
    const named = ErrorCategory.safeParse(own.data.category);
    return {
      code,
      message: failure.message,
      category: named.success ? named.data : category,
      details: own.data.details,
      retryable: own.data.retryable,
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

function ofChild(failure: ChildWorkflowFailure): Understood {
  const cause = failure.cause;
  if (cause instanceof TimeoutFailure) {
    return known('CHILD_TIMEOUT', `${failure.workflowType} did not end in time`);
  }
  if (cause instanceof ApplicationFailure) {
    const own = RunError.safeParse(cause.details?.[0]);
    const said = RunFailureDetails.safeParse(cause.details?.[1]);
    const code = isErrorCode(cause.type) ? cause.type : 'CHILD_FAILED';
    return {
      code,
      message: cause.message,
      category: 'child',
      details: own.success ? (own.data.details ?? null) : null,
      retryable: said.success ? said.data.retryable : (errorEntry(code)?.retryable ?? true),
    };
  }
  return known('CHILD_TERMINATED', `${failure.workflowType} was cancelled or terminated from outside`);
}

/** Whether a carrier that failed so had committed the events it carried. */
export function committedBeforeFailure(thrown: unknown): boolean {
  if (!(thrown instanceof ActivityFailure) || !(thrown.cause instanceof ApplicationFailure)) return false;
  const own = ActionFailureDetails.safeParse(thrown.cause.details?.[0]);
  return own.success && own.data.committed;
}

/** Ids of what an attempt had made before it failed; `denied` where a policy kept it from beginning. */
export function artifactsOfFailure(thrown: unknown): readonly string[] | 'denied' {
  if (!(thrown instanceof ActivityFailure) || !(thrown.cause instanceof ApplicationFailure)) return [];
  if (thrown.cause.type === 'UNAUTHORIZED') return 'denied';
  const own = ActionFailureDetails.safeParse(thrown.cause.details?.[0]);
  return (own.success ? own.data.artifacts : undefined) ?? [];
}

/**
 * The failure by which a run ends, for every Temporal client: `type` is the code, the first of the details is
 * the error.
 */
export function runFailure({ error, retryable }: ErrorCompletion): ApplicationFailure {
  return ApplicationFailure.create({
    type: error.code,
    message: error.message,
    nonRetryable: true,
    details: [error, { retryable } satisfies RunFailureDetails],
  });
}

/** The failure by which a run ends before it has begun: of the same shape as any other. */
export function startFailure(thrown: unknown): Error {
  return runFailure(errorCompletion(thrown, null));
}
