/**
 * Cancelling and terminating a run.
 *
 * Invariants
 * - The request goes to Temporal, and to Temporal only: no row is written here. The run records in its log
 *   that it was asked to cancel; the reconciler records that it was terminated.
 * - The request names the run by its first execution run id. So it never hits another run that has the same
 *   workflow id by now, and always hits a run that continues as new meanwhile.
 * - Two requests, one after the other or at once, cancel a run once; the first reason stays.
 * - "Failed" means that nothing was changed: Temporal refused, or could not be asked about the run before the
 *   request was sent. If the answer to the request is lost, Temporal is asked what became of the run; what
 *   that does not settle is OUTCOME_UNKNOWN. Asking again is harmless.
 */
import { ServiceError } from '@temporalio/client';
import { v7 as uuid } from 'uuid';
import { cancelText } from '../../contracts/cancel-reason.js';
import { messageOf, SluiceError } from '../../contracts/errors.js';
import { TERMINAL_RUN_STATUSES } from '../../contracts/run/run.js';
import { isGrpcNotFound } from '../../contracts/temporal-history.js';
import type { RunView } from '../../projections/index.js';
import { callTemporal } from '../connection/errors.js';
import { settled, unknownOutcome, type Act } from '../connection/outcome.js';
import { addressOf } from '../connection/present.js';
import { checkedReason, findRun, type ActOptions, type RunContext } from './context.js';

/** Time limit for Temporal to accept a request, ms. */
const LIMIT_MS = 5_000;

/** The run that was asked to stop. */
export interface StoppedRun {
  readonly runId: string;
  readonly workflowId: string;
}

export type StopKind = 'cancel' | 'terminate';

const FAILED = {
  cancel: 'WORKFLOW_TEMPORAL_CANCEL_FAILED',
  terminate: 'WORKFLOW_TEMPORAL_TERMINATE_FAILED',
} as const;

/**
 * Stops a run of a tenant.
 * @throws SluiceError RUN_NOT_FOUND, RUN_CLOSED, WORKFLOW_TEMPORAL_CANCEL_FAILED,
 *   WORKFLOW_TEMPORAL_TERMINATE_FAILED, OUTCOME_UNKNOWN
 */
export async function stopRun(
  context: RunContext,
  stop: StopKind,
  runId: string,
  options: ActOptions = {},
): Promise<StoppedRun> {
  const reason = checkedReason(options.reason);
  const run = await findRun(context, runId, options);
  const { workflowId } = run;
  const request: StopRequest = { stop, target: { workflowId, runId }, actor: options.actor, reason };
  await stopOpen(context, request, run);
  return { runId, workflowId };
}

/**
 * Stops the open run of a workflow id, for callers that know no run id.
 * @throws SluiceError WORKFLOW_NOT_FOUND, RUN_CLOSED, WORKFLOW_TEMPORAL_CANCEL_FAILED,
 *   WORKFLOW_TEMPORAL_TERMINATE_FAILED, OUTCOME_UNKNOWN
 */
export async function stopWorkflow(
  context: RunContext,
  stop: StopKind,
  named: string,
  options: Pick<ActOptions, 'actor' | 'reason'> = {},
): Promise<void> {
  const reason = checkedReason(options.reason);
  const workflowId = await addressOf(context.temporal, context.tenant, named).catch((thrown: unknown) => {
    throw failure(stop, { workflowId: named }, messageOf(thrown), thrown);
  });
  const request: StopRequest = { stop, target: { workflowId }, actor: options.actor, reason };
  await stopOpen(context, request);
}

/** Sends the request, and finds out what it did where Temporal's answer does not tell. */
async function stopOpen(context: RunContext, request: StopRequest, run?: RunView): Promise<void> {
  await mustBeOpen(context, request);
  const { target } = request;
  const act: Act = {
    what: `${nameOf(target)} was ${request.stop === 'cancel' ? 'cancelled' : 'terminated'}`,
    details: { ...target },
  };
  try {
    await settled(
      act,
      async () => {
        await send(context, request);
        return true;
      },
      () => wasStopped(context, request),
    );
  } catch (thrown) {
    if (thrown instanceof SluiceError) throw thrown;
    // The SDK repeats a request whose answer was lost: the first one may have ended the run.
    if (isNotFound(thrown) && (await wasStopped(context, request)) === true) return;
    throw await errorOfRefusal(context, request, thrown, { act, run });
  }
}

/**
 * Refuses a closed run before anything is sent: Temporal accepts a request to cancel a workflow that ended
 * CANCELED and does nothing. Whoever asks later whether the request was taken knows that the run was open.
 * @throws SluiceError RUN_CLOSED; the code of a failure where Temporal does not say whether the run is open
 */
async function mustBeOpen(context: RunContext, { stop, target }: StopRequest): Promise<void> {
  const state = await describe(context, target.workflowId);
  if (state instanceof SluiceError) {
    if (state.code === 'WORKFLOW_NOT_FOUND') return;
    throw failure(stop, target, state.message, state.cause ?? state);
  }
  if (state.open || (target.runId !== undefined && state.firstRunId !== target.runId)) return;
  throw closedError(target, state);
}

/**
 * Whether a run that was open when it was asked to stop has been stopped.
 * @returns undefined: that cannot be told (yet)
 * @throws SluiceError RUN_CLOSED if it ended otherwise
 */
async function wasStopped(context: RunContext, { stop, target }: StopRequest): Promise<true | undefined> {
  const state = await describe(context, target.workflowId);
  if (state instanceof SluiceError) return undefined;
  if (target.runId !== undefined && state.firstRunId !== target.runId) return undefined;
  if (stop === 'cancel' ? state.cancelRequested : state.status === 'TERMINATED') return true;
  if (state.open) return undefined;
  throw closedError(target, state);
}

/** The run to stop; without a run id the latest of the workflow id. */
interface Target {
  readonly workflowId: string;
  readonly runId?: string;
}

interface StopRequest {
  readonly stop: StopKind;
  readonly target: Target;
  readonly actor: string | undefined;
  readonly reason: string | undefined;
}

async function send(
  { temporal, actor: defaultActor }: RunContext,
  { stop, target: { workflowId, runId }, actor = defaultActor, reason }: StopRequest,
): Promise<void> {
  const request = {
    namespace: temporal.options.namespace,
    workflowExecution: { workflowId },
    identity: actor,
    ...(runId !== undefined && { firstExecutionRunId: runId }),
  };
  await temporal.withDeadline(Date.now() + LIMIT_MS, async () => {
    if (stop === 'terminate') {
      const why = reason !== undefined && { reason };
      await temporal.workflowService.terminateWorkflowExecution({ ...request, ...why });
    } else {
      await temporal.workflowService.requestCancelWorkflowExecution({
        ...request,
        reason: cancelText({ actor, ...(reason !== undefined && { reason }) }),
        requestId: uuid(),
      });
    }
  });
}

/**
 * The error for a refusal of Temporal: the run is closed or unknown, or Temporal could not take the request.
 */
async function errorOfRefusal(
  context: RunContext,
  { stop, target }: StopRequest,
  thrown: unknown,
  { act, run }: { readonly act: Act; readonly run: RunView | undefined },
): Promise<SluiceError> {
  const { workflowId, runId } = target;
  const failed = (why: string): SluiceError => failure(stop, target, why, thrown);
  // Temporal answers NOT_FOUND for an unknown workflow, and for a closed one.
  if (!isNotFound(thrown)) {
    return failed(await reasonOf(context, workflowId, thrown));
  }
  const endOfRun =
    run !== undefined && TERMINAL_RUN_STATUSES.includes(run.status)
      ? closedError(target, { status: run.status, closedAt: run.endedAt }, thrown)
      : undefined;
  const state = await describe(context, workflowId);
  if (state instanceof SluiceError) {
    if (state.code !== 'WORKFLOW_NOT_FOUND') return unknownOutcome(act, state);
    return run === undefined
      ? state
      : (endOfRun ??
          failed(
            `Temporal at ${context.call.address}, namespace ${context.call.namespace}, does not know it (any more)`,
          ));
  }
  if (state.open || (runId !== undefined && state.firstRunId !== runId)) {
    return endOfRun ?? failed(`${state.open ? 'another run' : 'a later run'} has its workflow id`);
  }
  return closedError(target, state, thrown);
}

function isNotFound(thrown: unknown): boolean {
  return isGrpcNotFound(thrown instanceof ServiceError ? thrown.cause : thrown);
}

/** The error for a request that changed nothing. */
function failure(stop: StopKind, target: Target, why: string, cause: unknown): SluiceError {
  return new SluiceError(FAILED[stop], `The request to ${stop} ${target.workflowId} failed: ${why}`, {
    cause,
    details: { ...target },
  });
}

function nameOf({ workflowId, runId }: Target): string {
  return runId === undefined ? `workflow ${workflowId}` : `run ${runId}`;
}

function closedError(
  target: Target,
  { status, closedAt }: Pick<WorkflowState, 'status' | 'closedAt'>,
  cause?: unknown,
): SluiceError {
  const name = nameOf(target);
  return new SluiceError(
    'RUN_CLOSED',
    `${name.slice(0, 1).toUpperCase()}${name.slice(1)} ended ${status}${closedAt === null ? '' : ` at ${closedAt}`}.`,
    {
      ...(cause !== undefined && { cause }),
      details: { ...target, status, endedAt: closedAt },
    },
  );
}

/** The message of the coded error that belongs to what Temporal's client threw. */
async function reasonOf(context: RunContext, workflowId: string, thrown: unknown): Promise<string> {
  const about = { ...context.call, workflowId };
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  return callTemporal(about, () => Promise.reject(error)).catch(messageOf);
}

/** The latest run of a workflow id, as Temporal reports it. */
interface WorkflowState {
  readonly firstRunId: string;
  readonly open: boolean;
  /** Whether its cancellation was requested, by anyone. */
  readonly cancelRequested: boolean;
  readonly status: string;
  readonly closedAt: string | null;
}

async function describe(context: RunContext, workflowId: string): Promise<WorkflowState | SluiceError> {
  try {
    const description = await callTemporal({ ...context.call, workflowId }, () =>
      context.temporal.withDeadline(Date.now() + LIMIT_MS, () =>
        context.temporal.workflow.getHandle(workflowId).describe(),
      ),
    );
    return {
      firstRunId: description.raw.workflowExecutionInfo?.firstRunId || description.runId,
      open: description.closeTime === undefined,
      cancelRequested: description.raw.workflowExtendedInfo?.cancelRequested === true,
      status: STATUS[description.status.name] ?? description.status.name,
      closedAt: description.closeTime?.toISOString() ?? null,
    };
  } catch (error) {
    if (error instanceof SluiceError) return error;
    throw error;
  }
}

/** Statuses that Temporal and Sluice name differently. */
const STATUS: Readonly<Record<string, string | undefined>> = {
  COMPLETED: 'SUCCEEDED',
  CANCELLED: 'CANCELED',
};
