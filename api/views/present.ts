/** The run that has a workflow id now, and its tenant, as Temporal reports them. */
import { WorkflowNotFoundError } from '@temporalio/client';
import { z } from 'zod';
import type { SluiceClient, StartedRun } from '../../client/index.js';
import { toSluiceError } from '../../contracts/errors.js';

const Memo = z.object({
  tenant: z.string().default('default'),
  trigger: z
    .object({ type: z.literal('api'), operationId: z.string().optional() })
    .optional()
    .catch(undefined),
});

/** The latest run of a workflow id. */
export interface Present extends StartedRun {
  readonly open: boolean;
  readonly tenant: string;
  readonly operationId: string | undefined;
}

/** The latest run of a workflow id; undefined if no run has it. @throws SluiceError TEMPORAL_UNAVAILABLE */
export async function presentAt(client: SluiceClient, workflowId: string): Promise<Present | undefined> {
  try {
    const found = await client.temporal.workflow.getHandle(workflowId).describe();
    const { tenant, trigger } = Memo.parse(found.memo ?? {});
    return {
      workflowId,
      runId: found.raw.workflowExecutionInfo?.firstRunId || found.runId,
      open: found.closeTime === undefined,
      tenant,
      operationId: trigger?.operationId,
    };
  } catch (thrown) {
    if (thrown instanceof WorkflowNotFoundError) return undefined;
    throw toSluiceError(thrown, 'TEMPORAL_UNAVAILABLE');
  }
}
