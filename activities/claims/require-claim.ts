/**
 * Whether a start may name whom it names.
 *
 * Invariants
 * - The claim of the start was signed for this workflow id, which the codec has checked. Here it is compared
 *   with what the start says: workflow type, payload, tenant, actor, trigger, parent.
 * - A run that began before claims counted keeps its identity. Temporal's clock tells when its first
 *   execution began, nothing that the caller sends. So does a child of such a run, which asked for no claim.
 */
import { Context } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/common';
import { SluiceError } from '../../contracts/errors.js';
import { startText, type ClaimKeeper } from '../../contracts/naming/claims.js';
import type { PrepareRunRequest } from '../../contracts/run/activity.js';

const DEFAULT_TENANT = 'default';

/**
 * Refuses a start that names a tenant, an actor or a cause without a valid claim.
 * @throws SluiceError CLAIM_INVALID
 */
export async function requireClaim(keeper: ClaimKeeper, request: PrepareRunRequest): Promise<void> {
  const { workflowExecution, workflowType } = Context.current().info;
  const { start, claim, tenant, payload } = request;
  if (workflowExecution === undefined || workflowType === undefined) return;
  if (start === undefined && tenant === DEFAULT_TENANT) return;
  if (start !== undefined && start.tenant === tenant && claim?.type === workflowType) {
    if (claim.digest === keeper.digest(startText(workflowType, start, payload))) return;
  }
  if (await beganBefore(keeper.since, workflowExecution, tenant)) return;
  throw new SluiceError(
    'CLAIM_INVALID',
    `The start names tenant "${tenant}" or an actor, and has no claim of Sluice's for this run`,
  );
}

interface Place {
  readonly workflowId?: string | null;
  readonly runId?: string | null;
}

/** Whether the run, or the run that started it as a child, began before a time. */
async function beganBefore(time: number, place: Place, tenant: string): Promise<boolean> {
  const run = await firstOf(place);
  if (run === undefined) return false;
  if (run.began < time) return true;
  const parent = run.parent && (await firstOf(run.parent));
  if (parent === undefined || parent.taskQueue !== Context.current().info.taskQueue) return false;
  return parent.began < time && parent.tenant === tenant;
}

interface Began {
  /** Epoch ms. */
  readonly began: number;
  readonly taskQueue: string;
  readonly tenant: unknown;
  readonly parent: Place | undefined;
}

/** The first execution of a run; undefined where Temporal has it no more. */
async function firstOf({ workflowId, runId }: Place): Promise<Began | undefined> {
  if (!workflowId || !runId) return undefined;
  const { workflow } = Context.current().client;
  try {
    const latest = await workflow.getHandle(workflowId, runId).describe();
    const firstId = latest.raw.workflowExecutionInfo?.firstRunId || runId;
    const first = firstId === runId ? latest : await workflow.getHandle(workflowId, firstId).describe();
    return {
      began: first.startTime.getTime(),
      taskQueue: first.taskQueue,
      tenant: first.memo?.['tenant'],
      parent: first.raw.workflowExecutionInfo?.parentExecution ?? undefined,
    };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw new SluiceError('TEMPORAL_UNAVAILABLE', 'Temporal does not say when the run began', {
      cause: error,
    });
  }
}
