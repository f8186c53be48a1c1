/**
 * Why Temporal repeats an activity: how the attempt before this one ended.
 *
 * Invariant: what an attempt left for the next one is read through the codecs of the worker. Read without
 * them, a count or a time that is encrypted would begin again with each attempt, and bound nothing.
 */
import type { Context } from '@temporalio/activity';
import { messageOf } from '../../contracts/errors.js';
import { decodePayloads } from '../../contracts/temporal-history.js';
import { repeatable } from './failures.js';

export interface LastFailure {
  /** Whether the attempt timed out: its worker reported no end. */
  readonly timedOut: boolean;
  /** Type of the failure that it reported. */
  readonly type: string | undefined;
  /** The first of the failure's details; undefined: none that can be read. */
  readonly details: unknown;
}

/**
 * Asks Temporal how the attempt before this one ended.
 * @returns undefined for a first attempt, and for a local activity
 * @throws ApplicationFailure TEMPORAL_UNAVAILABLE, which Temporal repeats
 */
export async function lastFailureOf({ info, client }: Context): Promise<LastFailure | undefined> {
  const { attempt, isLocal, workflowExecution, activityId } = info;
  if (attempt === 1 || isLocal || workflowExecution === undefined) return undefined;
  const { workflowId, runId } = workflowExecution;
  const { raw } = await client.workflow
    .getHandle(workflowId, runId)
    .describe()
    .catch((error: unknown) => {
      throw repeatable(
        'TEMPORAL_UNAVAILABLE',
        `Why the last attempt ended is not known: ${messageOf(error)}`,
      );
    });
  const { lastFailure } = raw.pendingActivities?.find((one) => one.activityId === activityId) ?? {};
  const reported = lastFailure?.applicationFailureInfo;
  const first = reported?.details?.payloads?.slice(0, 1);
  // Details that cannot be read are of a worker with other keys, or of another version: they say nothing.
  const [details] = await decodePayloads(client.options.loadedDataConverter, first).catch(() => []);
  return {
    timedOut: lastFailure?.timeoutFailureInfo != null,
    type: reported?.type ?? undefined,
    details,
  };
}
