/**
 * Cancelling and terminating a run.
 *
 * Invariants
 * - Temporal is asked first, and only Temporal: no row is written here. The run itself says in its log that it was
 *   asked to cancel; the reconciler says that it was terminated.
 * - The run that is meant is named by its first execution run id, so that another run that has come to the same
 *   workflow id is never hit, and one that continues as new meanwhile always is.
 * - Asked twice, or by two at once, a run is cancelled once; the first reason stays.
 * - Where Temporal does not accept it the error says so and keeps the cause. After a silence of the server nobody can
 *   know whether it took the request: asking again is harmless.
 */
import { isGrpcServiceError, ServiceError } from '@temporalio/client';
import { v7 as uuid } from 'uuid';
import { SluiceError } from '../../contracts/errors.js';
import { TERMINAL_RUN_STATUSES } from '../../contracts/run/run.js';
import type { RunView } from '../../projections/index.js';
import { calling } from '../connection/errors.js';
import { checkedReason, findRun, type ActOptions, type RunContext } from './context.js';

/** How long Temporal may take to accept it. */
const LIMIT_MS = 5_000;
/** gRPC's NOT_FOUND: Temporal says so of a workflow that it does not know, and of one that has ended. */
const NOT_FOUND = 5;

/** The run that was asked to stop. */
export interface StoppedRun {
  readonly runId: string;
  readonly workflowId: string;
}

export type Stop = 'cancel' | 'terminate';

const FAILED = {
  cancel: 'WORKFLOW_TEMPORAL_CANCEL_FAILED',
  terminate: 'WORKFLOW_TEMPORAL_TERMINATE_FAILED',
} as const;

/**
 * Stops a run of a tenant.
 * @throws SluiceError RUN_NOT_FOUND, RUN_CLOSED, WORKFLOW_TEMPORAL_CANCEL_FAILED, WORKFLOW_TEMPORAL_TERMINATE_FAILED
 */
export async function stopRun(
  context: RunContext,
  stop: Stop,
  runId: string,
  options: ActOptions = {},
): Promise<StoppedRun> {
  const reason = checkedReason(options.reason);
  const run = await findRun(context, runId, options);
  const { workflowId } = run;
  await mustBeOpen(context, stop, { workflowId, runId });
  try {
    await ask(context, stop, { workflowId, runId }, options.actor, reason);
  } catch (thrown) {
    throw await refused(context, stop, { workflowId, runId }, thrown, run);
  }
  return { runId, workflowId };
}

/**
 * Stops whichever run has the workflow id: for callers that know nothing else.
 * @throws SluiceError WORKFLOW_NOT_FOUND, RUN_CLOSED, WORKFLOW_TEMPORAL_CANCEL_FAILED, WORKFLOW_TEMPORAL_TERMINATE_FAILED
 */
export async function stopWorkflow(
  context: RunContext,
  stop: Stop,
  workflowId: string,
  options: Pick<ActOptions, 'actor' | 'reason'> = {},
): Promise<void> {
  const reason = checkedReason(options.reason);
  await mustBeOpen(context, stop, { workflowId });
  try {
    await ask(context, stop, { workflowId }, options.actor, reason);
  } catch (thrown) {
    throw await refused(context, stop, { workflowId }, thrown);
  }
}

/**
 * Temporal accepts a request to cancel a workflow that has ended CANCELED, and does nothing: so it is asked before.
 * What it says of any other closed workflow, and where it does not answer, the request itself tells.
 * @throws SluiceError RUN_CLOSED
 */
async function mustBeOpen(context: RunContext, stop: Stop, meant: Meant): Promise<void> {
  if (stop !== 'cancel') return;
  const seen = await describe(context, meant.workflowId);
  if (seen instanceof SluiceError || seen.open) return;
  if (meant.runId !== undefined && seen.firstRunId !== meant.runId) return;
  throw closedError(meant, seen.status, seen.closedAt);
}

interface Meant {
  readonly workflowId: string;
  readonly runId?: string;
}

async function ask(
  { temporal, actor }: RunContext,
  stop: Stop,
  { workflowId, runId }: Meant,
  by: string | undefined,
  reason: string | undefined,
): Promise<void> {
  const request = {
    namespace: temporal.options.namespace,
    workflowExecution: { workflowId },
    identity: by ?? actor,
    ...(runId !== undefined && { firstExecutionRunId: runId }),
    ...(reason !== undefined && { reason }),
  };
  await temporal.withDeadline(Date.now() + LIMIT_MS, async () => {
    if (stop === 'terminate') await temporal.workflowService.terminateWorkflowExecution(request);
    else await temporal.workflowService.requestCancelWorkflowExecution({ ...request, requestId: uuid() });
  });
}

/** What a refusal of Temporal's means: the run has ended, there is none, or Temporal can't. */
async function refused(
  context: RunContext,
  stop: Stop,
  meant: Meant,
  thrown: unknown,
  run?: RunView,
): Promise<SluiceError> {
  const failed = (why: string): SluiceError =>
    new SluiceError(FAILED[stop], `${meant.workflowId} was not asked to ${stop}: ${why}`, {
      cause: thrown,
      details: { workflowId: meant.workflowId, ...(meant.runId !== undefined && { runId: meant.runId }) },
    });
  if (!isNotFound(thrown)) return failed(await whyOf(context, meant.workflowId, thrown));
  const seen = await describe(context, meant.workflowId);
  if (seen instanceof SluiceError) {
    return seen.code === 'WORKFLOW_NOT_FOUND' ? unknown(seen) : failed(seen.message);
  }
  const other = meant.runId !== undefined && seen.firstRunId !== meant.runId;
  if (other || seen.open) {
    return run !== undefined && TERMINAL_RUN_STATUSES.includes(run.status)
      ? closedError(meant, run.status, run.endedAt, thrown)
      : failed(`${seen.open ? 'another run' : 'a later run'} has its workflow id`);
  }
  return closedError(meant, seen.status, seen.closedAt, thrown);

  function unknown(seen: SluiceError): SluiceError {
    if (run === undefined) return seen;
    return TERMINAL_RUN_STATUSES.includes(run.status)
      ? closedError(meant, run.status, run.endedAt, thrown)
      : failed('Temporal does not know it any more');
  }
}

function closedError(meant: Meant, status: string, at: string | null, cause?: unknown): SluiceError {
  const name = meant.runId === undefined ? `Workflow ${meant.workflowId}` : `Run ${meant.runId}`;
  return new SluiceError('RUN_CLOSED', `${name} ended ${status}${at === null ? '' : ` at ${at}`}.`, {
    ...(cause !== undefined && { cause }),
    details: { ...meant, status, endedAt: at },
  });
}

function isNotFound(thrown: unknown): boolean {
  const grpc = thrown instanceof ServiceError ? thrown.cause : thrown;
  return isGrpcServiceError(grpc) && Number(grpc.code) === NOT_FOUND;
}

async function whyOf(context: RunContext, workflowId: string, thrown: unknown): Promise<string> {
  const about = { ...context.call, workflowId, needsWorker: false };
  const error: unknown = await calling(about, () => Promise.reject(asError(thrown))).catch((e: unknown) => e);
  return error instanceof SluiceError ? error.message : String(error);
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** A workflow as Temporal has it now. */
interface Seen {
  readonly firstRunId: string;
  readonly open: boolean;
  readonly status: string;
  readonly closedAt: string | null;
}

async function describe(context: RunContext, workflowId: string): Promise<Seen | SluiceError> {
  try {
    const found = await calling({ ...context.call, workflowId, needsWorker: false }, () =>
      context.temporal.withDeadline(Date.now() + LIMIT_MS, () =>
        context.temporal.workflow.getHandle(workflowId).describe(),
      ),
    );
    return {
      firstRunId: found.raw.workflowExecutionInfo?.firstRunId || found.runId,
      open: found.closeTime === undefined,
      status: STATUS[found.status.name] ?? found.status.name,
      closedAt: found.closeTime?.toISOString() ?? null,
    };
  } catch (error) {
    if (error instanceof SluiceError) return error;
    throw error;
  }
}

/** Temporal's names of ends that have another one here. */
const STATUS: Readonly<Record<string, string | undefined>> = {
  COMPLETED: 'SUCCEEDED',
  CANCELLED: 'CANCELED',
};
