/**
 * Starting a run under an idempotency key.
 *
 * Invariant: the same key starts one run, also where the first request died between the start and its answer. Without a
 * workflow id of the caller's the id is made of the key, and Temporal refuses a second one. With one, the run says in
 * its memo which key started it; whoever comes again finds it there and starts nothing.
 */
import { WorkflowNotFoundError } from '@temporalio/client';
import { z } from 'zod';
import type { SluiceClient, StartedRun, StartOptions } from '../client/index.js';
import { SluiceError, toSluiceError } from '../contracts/errors.js';
import type { Json } from '../contracts/json.js';

const Memo = z.object({ trigger: z.object({ type: z.literal('api'), operationId: z.string() }) });

/**
 * Starts a run, or gives back the one that the key has started.
 * @throws SluiceError as `client.start`
 */
export async function startOnce(
  client: SluiceClient,
  definition: string,
  payload: Json,
  options: StartOptions,
  operationId: string | undefined,
): Promise<StartedRun> {
  if (operationId === undefined)
    return client.start(definition, payload, { ...options, trigger: { type: 'api' } });
  const workflowId = options.workflowId ?? `${definition}/${operationId}`;
  const before =
    options.workflowId === undefined ? undefined : await startedBy(client, workflowId, operationId);
  if (before !== undefined) return before;
  try {
    return await client.start(definition, payload, {
      ...options,
      workflowId,
      trigger: { type: 'api', operationId },
      ...(options.workflowId === undefined && { reuse: 'never', onConflict: 'fail' }),
    });
  } catch (thrown) {
    if (!(thrown instanceof SluiceError) || thrown.code !== 'WORKFLOW_ALREADY_STARTED') throw thrown;
    const own = await startedBy(client, workflowId, operationId);
    if (own === undefined) throw thrown;
    return own;
  }
}

/** The latest run of a workflow id, where that key started it. */
async function startedBy(
  client: SluiceClient,
  workflowId: string,
  operationId: string,
): Promise<StartedRun | undefined> {
  try {
    const found = await client.temporal.workflow.getHandle(workflowId).describe();
    const memo = Memo.safeParse(found.memo);
    if (memo.data?.trigger.operationId !== operationId) return undefined;
    return { workflowId, runId: found.raw.workflowExecutionInfo?.firstRunId || found.runId };
  } catch (thrown) {
    if (thrown instanceof WorkflowNotFoundError) return undefined;
    throw toSluiceError(thrown, 'TEMPORAL_UNAVAILABLE');
  }
}
