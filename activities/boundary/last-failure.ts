/** Why Temporal repeats an activity: how the attempt before this one ended. */
import type { Context } from '@temporalio/activity';
import { messageOf } from '../../contracts/errors.js';
import { repeatable } from './failures.js';

export interface LastFailure {
  /** Whether the attempt timed out: its worker reported no end. */
  readonly timedOut: boolean;
  /** Type of the failure that it reported. */
  readonly type: string | undefined;
  /** The first of the failure's details; undefined: none that is JSON. */
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
  try {
    const { workflowId, runId } = workflowExecution;
    const { raw } = await client.workflow.getHandle(workflowId, runId).describe();
    const { lastFailure } = raw.pendingActivities?.find((one) => one.activityId === activityId) ?? {};
    const reported = lastFailure?.applicationFailureInfo;
    return {
      timedOut: lastFailure?.timeoutFailureInfo != null,
      type: reported?.type ?? undefined,
      details: jsonOf(reported?.details?.payloads?.[0]?.data),
    };
  } catch (error) {
    throw repeatable('TEMPORAL_UNAVAILABLE', `Why the last attempt ended is not known: ${messageOf(error)}`);
  }
}

function jsonOf(data: Uint8Array | null | undefined): unknown {
  if (data == null) return undefined;
  try {
    return JSON.parse(Buffer.from(data).toString('utf8'));
  } catch {
    return undefined;
  }
}
