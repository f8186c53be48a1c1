/**
 * Starting a run once, under an idempotency key or a workflow id that is in use.
 *
 * Invariants
 * - The same key starts one run, even if the first request died between the start and its answer. If the
 *   caller gives no workflow id, the key gives it, and Temporal refuses a second run. If the caller gives
 *   one, the memo of the run names the key that started it; a repeated request finds it there and starts
 *   nothing.
 * - A start never returns and never ends a run of another tenant: this code decides about an open run by the
 *   tenant in its memo, and acts on that very run.
 */
import { WorkflowNotFoundError } from '@temporalio/client';
import { settled } from '../../client/connection/outcome.js';
import {
  ownRunAt,
  type Present,
  presentAt,
  type SluiceClient,
  type StartedRun,
  type StartOptions,
} from '../../client/index.js';
import { SluiceError, toSluiceError } from '../../contracts/errors.js';
import type { Json } from '../../contracts/json.js';
import { operationRunId } from '../../contracts/naming/workflow-id.js';

export interface StartOnce extends Omit<StartOptions, 'trigger' | 'rerunOf'> {
  readonly tenant: string;
  /** The id that the idempotency key gives; undefined: the request has no key. */
  readonly operationId: string | undefined;
}

/**
 * Starts a run, or returns the run that the key has started.
 * @throws SluiceError as `client.start`
 */
export async function startOnce(
  client: SluiceClient,
  definition: string,
  payload: Json,
  { onConflict = 'fail', operationId, ...options }: StartOnce,
): Promise<StartedRun> {
  const { tenant, workflowId } = options;
  const derived = operationId === undefined ? undefined : operationRunId(definition, operationId);
  const more = {
    trigger: { type: 'api', ...(operationId !== undefined && { operationId }) },
    onConflict: 'fail',
  } as const;
  const start = (): Promise<StartedRun> =>
    workflowId === undefined && derived !== undefined
      ? client.startMade(definition, payload, { ...options, ...more, workflowId: derived, reuse: 'never' })
      : client.start(definition, payload, { ...options, ...more });
  const latest = async (): Promise<Present | undefined> => {
    if (workflowId !== undefined) return await ownRunAt(client.temporal, tenant, workflowId);
    const made = derived === undefined ? undefined : await presentAt(client.temporal, derived);
    return made?.tenant === tenant ? made : undefined;
  };
  if (operationId !== undefined && workflowId !== undefined) {
    // A closed run frees its workflow id, so the run of this key may have ended by now.
    const earlier = await latest();
    if (earlier?.trigger.operationId === operationId) return runOf(earlier);
  }
  try {
    return await start();
  } catch (thrown) {
    const inUse = thrown instanceof SluiceError && thrown.code === 'WORKFLOW_ALREADY_STARTED';
    // A newer version may refuse the payload of a request whose run has started long since.
    const refused = thrown instanceof SluiceError && ['PAYLOAD_INVALID', 'CHECK_LIMIT'].includes(thrown.code);
    if (!inUse && !(refused && operationId !== undefined)) throw thrown;
    const present = await latest();
    if (present === undefined) throw thrown;
    if (operationId !== undefined && present.trigger.operationId === operationId) return runOf(present);
    if (refused || !present.open || onConflict === 'fail') throw thrown;
    if (onConflict === 'use-existing') return runOf(present);
    await terminate(client, present, options.actor);
    return start();
  }
}

function runOf({ workflowId, runId }: Present): StartedRun {
  return { workflowId, runId };
}

/**
 * Ends that run, and no other run that may have its workflow id by now. A closed run is left alone.
 * @throws SluiceError TEMPORAL_UNAVAILABLE; OUTCOME_UNKNOWN where the answer was lost and Temporal does not
 *   show the run as ended
 */
async function terminate(client: SluiceClient, { workflowId, runId }: Present, actor = 'api'): Promise<void> {
  const handle = client.temporal.workflow.getHandle(workflowId, undefined, { firstExecutionRunId: runId });
  try {
    await settled(
      { what: `run ${runId} was terminated`, details: { workflowId, runId } },
      async () => {
        await handle.terminate(`${actor} started another run under its workflow id`);
        return true;
      },
      async () => {
        const found = await client.temporal.workflow.getHandle(workflowId).describe();
        const isIt = (found.raw.workflowExecutionInfo?.firstRunId || found.runId) === runId;
        return !isIt || found.closeTime !== undefined ? true : undefined;
      },
    );
  } catch (thrown) {
    if (thrown instanceof WorkflowNotFoundError) return;
    throw toSluiceError(thrown, 'TEMPORAL_UNAVAILABLE');
  }
}
