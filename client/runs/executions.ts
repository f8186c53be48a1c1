/**
 * The Temporal executions of a run. Continue-as-new and reset give a run further executions.
 *
 * Invariant: an execution belongs to a run if the first run id of its chain is the run's id. Another run may
 * have the same workflow id by now; it is never taken for this one.
 */
import { WorkflowNotFoundError, type Client } from '@temporalio/client';

/** The latest execution of a workflow id. */
export interface LatestExecution {
  readonly executionId: string;
  readonly open: boolean;
  /** Temporal's name for its status. */
  readonly status: string;
  /** ISO instant; null while the execution is open. */
  readonly closedAt: string | null;
}

/**
 * The latest execution of a run.
 * @returns undefined if Temporal does not know the run, or if another run has its workflow id by now
 */
export async function latestOf(
  { workflow }: Client,
  workflowId: string,
  runId: string,
): Promise<LatestExecution | undefined> {
  try {
    const latest = await workflow.getHandle(workflowId).describe();
    if ((latest.raw.workflowExecutionInfo?.firstRunId || latest.runId) !== runId) return undefined;
    return {
      executionId: latest.runId,
      open: latest.closeTime === undefined,
      status: latest.status.name,
      closedAt: latest.closeTime?.toISOString() ?? null,
    };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}
