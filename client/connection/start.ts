/**
 * Starting a workflow so that a lost answer loses no start.
 *
 * Invariant: each start has a unique request id, under which Temporal shows what the start has made. So a
 * workflow that has the id is this start's only if Temporal says so; another's is never taken for it.
 */
import type { Client, WorkflowHandleWithFirstExecutionRunId, WorkflowStartOptions } from '@temporalio/client';
// The SDK's own Nexus helpers name their starts this way; there is no public option for it.
import { InternalWorkflowStartOptionsSymbol } from '@temporalio/client/lib/internal.js';
import { WorkflowNotFoundError } from '@temporalio/client';
import { v7 as uuid } from 'uuid';
import { callTemporal, type CallContext } from './errors.js';
import { LOOK_LIMIT_MS, settled } from './outcome.js';

/** Which workflow a start has begun. */
export interface Started {
  readonly workflowId: string;
  /** The first execution run id. */
  readonly runId: string;
}

/** A start: its workflow id is given, so that it can be looked for. */
export type StartRequest = WorkflowStartOptions & { readonly workflowId: string };

/**
 * Starts a workflow.
 * @param takesExisting whether a workflow that has the id already answers the call too
 * @throws SluiceError OUTCOME_UNKNOWN with the workflow id in its details, or the code of Temporal's refusal
 */
export function startWorkflow(
  temporal: Client,
  context: CallContext,
  type: string,
  { takesExisting = false, ...options }: StartRequest & { readonly takesExisting?: boolean },
): Promise<Started> {
  const { workflowId } = options;
  const requestId = uuid();
  const start = async (): Promise<Started> => {
    const handle: WorkflowHandleWithFirstExecutionRunId = await temporal.workflow.start(type, {
      ...options,
      [InternalWorkflowStartOptionsSymbol]: { requestId },
    } as StartRequest);
    return { workflowId, runId: handle.firstExecutionRunId };
  };
  return callTemporal({ ...context, workflowId }, () =>
    settled({ what: `${workflowId} was started`, details: { workflowId } }, start, async () => {
      const found = await latestRun(temporal, workflowId);
      if (found === undefined || !(takesExisting || found.requests.has(requestId))) return undefined;
      return { workflowId, runId: found.runId };
    }),
  );
}

/** The latest run of a workflow id, and the request ids of the starts that made or found it. */
async function latestRun(
  temporal: Client,
  workflowId: string,
): Promise<{ readonly runId: string; readonly requests: ReadonlySet<string> } | undefined> {
  try {
    const { raw, runId } = await temporal.withDeadline(Date.now() + LOOK_LIMIT_MS, () =>
      temporal.workflow.getHandle(workflowId).describe(),
    );
    return {
      runId: raw.workflowExecutionInfo?.firstRunId || runId,
      requests: new Set(Object.keys(raw.workflowExtendedInfo?.requestIdInfos ?? {})),
    };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}
