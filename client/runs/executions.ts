/**
 * The executions of a run, as Temporal has them: a run continues as new, and is reset, under other run ids.
 *
 * Invariant: an execution is one of a run where the first run id of its chain is the run's id. Another run may have
 * come to the same workflow id since; it is never taken for this one.
 */
import { WorkflowNotFoundError, type Client } from '@temporalio/client';

/** The latest execution of a workflow id. */
export interface LatestExecution {
  readonly executionId: string;
  readonly open: boolean;
  /** Temporal's name of its status. */
  readonly status: string;
  /** ISO instant; null while it is open. */
  readonly closedAt: string | null;
}

/**
 * The latest execution of a run.
 * @returns undefined where Temporal does not know it, or another run has its workflow id by now
 */
export async function latestOf(
  { workflow }: Client,
  workflowId: string,
  runId: string,
): Promise<LatestExecution | undefined> {
  try {
    const found = await workflow.getHandle(workflowId).describe();
    if ((found.raw.workflowExecutionInfo?.firstRunId || found.runId) !== runId) return undefined;
    return {
      executionId: found.runId,
      open: found.closeTime === undefined,
      status: found.status.name,
      closedAt: found.closeTime?.toISOString() ?? null,
    };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}
