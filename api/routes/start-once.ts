/**
 * Starting a run, under an idempotency key or beside a run that has its workflow id.
 *
 * Invariants
 * - The same key starts one run, also where the first request died between the start and its answer. Without a workflow
 *   id of the caller's the id is made of the key, and Temporal refuses a second one. With one, the run says in its memo
 *   which key started it; whoever comes again finds it there and starts nothing.
 * - Workflow ids are shared by all tenants. A start never gives back, and never ends, a run of another one: what to do
 *   about an open run is decided here, by the tenant in its memo, and done to that very run.
 */
import { WorkflowNotFoundError } from '@temporalio/client';
import type { SluiceClient, StartedRun, StartOptions } from '../../client/index.js';
import { SluiceError, toSluiceError } from '../../contracts/errors.js';
import type { Json } from '../../contracts/json.js';
import { presentAt, type Present } from '../views/present.js';

export interface StartOnce extends Omit<StartOptions, 'trigger' | 'rerunOf'> {
  readonly tenant: string;
}

/**
 * Starts a run, or gives back the one that the key has started.
 * @throws SluiceError as `client.start`
 */
export async function startOnce(
  client: SluiceClient,
  definition: string,
  payload: Json,
  { onConflict = 'fail', ...options }: StartOnce,
  operationId: string | undefined,
): Promise<StartedRun> {
  const derived = operationId === undefined ? undefined : `${definition}/${operationId}`;
  const workflowId = options.workflowId ?? derived;
  const start = (): Promise<StartedRun> =>
    client.start(definition, payload, {
      ...options,
      ...(workflowId !== undefined && { workflowId }),
      ...(options.workflowId === undefined && derived !== undefined && { reuse: 'never' }),
      trigger: { type: 'api', ...(operationId !== undefined && { operationId }) },
      onConflict: 'fail',
    });
  if (workflowId === undefined) return start();
  if (operationId !== undefined && options.workflowId !== undefined) {
    // The id may be used again, so the one of the key may have ended by now.
    const before = await presentAt(client, workflowId);
    if (before?.operationId === operationId) return runOf(before);
  }
  try {
    return await start();
  } catch (thrown) {
    if (!(thrown instanceof SluiceError) || thrown.code !== 'WORKFLOW_ALREADY_STARTED') throw thrown;
    const present = await presentAt(client, workflowId);
    if (present === undefined) throw thrown;
    if (operationId !== undefined && present.operationId === operationId) return runOf(present);
    if (!present.open || present.tenant !== options.tenant || onConflict === 'fail') throw thrown;
    if (onConflict === 'use-existing') return runOf(present);
    await terminate(client, present, options.actor);
    return start();
  }
}

function runOf({ workflowId, runId }: Present): StartedRun {
  return { workflowId, runId };
}

/** Ends that run and no other that may have come to its workflow id. One that has ended is as good. */
async function terminate(client: SluiceClient, { workflowId, runId }: Present, actor = 'api'): Promise<void> {
  const handle = client.temporal.workflow.getHandle(workflowId, undefined, { firstExecutionRunId: runId });
  try {
    await handle.terminate(`${actor} started another run under its workflow id`);
  } catch (thrown) {
    if (thrown instanceof WorkflowNotFoundError) return;
    throw toSluiceError(thrown, 'TEMPORAL_UNAVAILABLE');
  }
}
