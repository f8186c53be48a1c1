/**
 * Turns what Temporal's client throws into coded errors. Every error that leaves `client/` passes through
 * here.
 */
import {
  isGrpcServiceError,
  NamespaceNotFoundError,
  QueryNotRegisteredError,
  ServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  TerminatedFailure,
  TimeoutFailure,
} from '@temporalio/common';
import { z } from 'zod';
import {
  ErrorCategory,
  isErrorCode,
  messageOf,
  RunError,
  SluiceError,
  type SluiceErrorOptions,
} from '../../contracts/errors.js';
import { isGrpcNotFound, isNamespaceMissing } from '../../contracts/temporal-history.js';

/** Other gRPC status codes that Temporal answers with; the numbers are gRPC's. */
const GRPC = {
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  permissionDenied: 7,
  failedPrecondition: 9,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** Which call to Temporal failed, for the message. */
export interface CallContext {
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly workflowId?: string;
  /** True: only a worker can answer, so a timeout is a missing worker's. Default: the server answers. */
  readonly needsWorker?: boolean;
}

/** Runs one call to Temporal and throws each of its errors as a SluiceError. */
export async function callTemporal<T>(context: CallContext, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (thrown) {
    throw fromTemporal(thrown, context);
  }
}

/**
 * The coded error for an error of Temporal's client: WORKFLOW_NOT_FOUND, WORKFLOW_ALREADY_STARTED,
 * TEMPORAL_NAMESPACE_NOT_FOUND, TEMPORAL_UNAVAILABLE, WORKER_NOT_FOUND, or the run's own error.
 */
function fromTemporal(thrown: unknown, context: CallContext): SluiceError {
  if (thrown instanceof SluiceError) return thrown;
  const { workflowId = 'unknown', namespace, taskQueue, address } = context;
  if (thrown instanceof WorkflowFailedError) return fromRunFailure(thrown.cause, workflowId);
  if (thrown instanceof WorkflowExecutionAlreadyStartedError) {
    return new SluiceError('WORKFLOW_ALREADY_STARTED', `Workflow ${workflowId} already exists.`, {
      cause: thrown,
    });
  }
  if (thrown instanceof NamespaceNotFoundError) {
    return new SluiceError('TEMPORAL_NAMESPACE_NOT_FOUND', `${address} has no namespace ${namespace}.`, {
      cause: thrown,
    });
  }
  if (thrown instanceof WorkflowNotFoundError) {
    return new SluiceError('WORKFLOW_NOT_FOUND', `Namespace ${namespace} has no workflow ${workflowId}.`, {
      cause: thrown,
    });
  }
  if (thrown instanceof QueryNotRegisteredError) {
    return new SluiceError(
      'WORKFLOW_NOT_FOUND',
      `Workflow ${workflowId} is not a run of Sluice: ${thrown.message}`,
      { cause: thrown },
    );
  }
  const grpc = thrown instanceof ServiceError ? thrown.cause : thrown;
  if (!isGrpcServiceError(grpc)) {
    return new SluiceError('TEMPORAL_UNAVAILABLE', `Temporal at ${address}: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
  const reason = grpc.details === '' ? grpc.message : grpc.details;
  const noWorker = new SluiceError(
    'WORKER_NOT_FOUND',
    `No worker on task queue ${taskQueue} of ${namespace} answered for ${workflowId}: ${reason}`,
    { cause: thrown },
  );
  if (isNamespaceMissing(grpc)) {
    return new SluiceError('TEMPORAL_NAMESPACE_NOT_FOUND', `${address} has no namespace ${namespace}.`, {
      cause: thrown,
    });
  }
  // The SDK has an error class for a missing workflow.
  if (isGrpcNotFound(grpc)) return unavailable(reason);
  switch (grpc.code as number) {
    case GRPC.failedPrecondition:
      return noWorker;
    case GRPC.cancelled:
    case GRPC.deadlineExceeded:
      return context.workflowId === undefined || context.needsWorker !== true
        ? unavailable('did not answer in time')
        : noWorker;
    case GRPC.invalidArgument:
      return new SluiceError('INPUT_INVALID', `Temporal refused the request for ${workflowId}: ${reason}`, {
        cause: thrown,
      });
    case GRPC.permissionDenied:
    case GRPC.unauthenticated:
      return unavailable(`refused the credentials: ${reason}`);
    default:
      return unavailable(reason);
  }

  function unavailable(why: string): SluiceError {
    return new SluiceError('TEMPORAL_UNAVAILABLE', `Temporal at ${address}: ${why}`, { cause: thrown });
  }
}

/**
 * The error of a run that ended without a result: its own with its own code, or how it was stopped from
 * outside.
 */
function fromRunFailure(failure: Error | undefined, workflowId: string): SluiceError {
  const cause = innermost(failure);
  const options: SluiceErrorOptions = { cause };
  if (cause instanceof CancelledFailure) {
    return new SluiceError('RUN_CANCELED', `Run ${workflowId} was cancelled.`, options);
  }
  if (cause instanceof TerminatedFailure) {
    return new SluiceError('RUN_TERMINATED', `Run ${workflowId} was terminated: ${cause.message}`, options);
  }
  if (cause instanceof TimeoutFailure) {
    return new SluiceError('RUN_TIMED_OUT', `Run ${workflowId} timed out.`, options);
  }
  if (!(cause instanceof ApplicationFailure) || !isErrorCode(cause.type)) {
    return new SluiceError('INTERNAL', `Run ${workflowId} failed: ${messageOf(cause)}`, options);
  }
  const parsed = FailureDetails.safeParse(cause.details?.[0]);
  if (!parsed.success) return new SluiceError(cause.type, cause.message, options);
  const { category, details } = parsed.data;
  return new SluiceError(cause.type, cause.message, { ...options, category, details });
}

/** The details that the failure of a run and the failure of an activity share. */
const FailureDetails = z.object({ category: ErrorCategory, details: z.json().nullable() });

/**
 * Where and when a run failed.
 * @param error what `client.result` threw
 * @returns the run's error as its row holds it; undefined for an error that is not a run's own failure
 */
export function runErrorOf(error: SluiceError): RunError | undefined {
  if (!(error.cause instanceof ApplicationFailure)) return undefined;
  return RunError.safeParse(error.cause.details?.[0]).data;
}

function innermost(failure: Error | undefined): Error | undefined {
  return failure instanceof ActivityFailure || failure instanceof ChildWorkflowFailure
    ? innermost(failure.cause)
    : failure;
}
