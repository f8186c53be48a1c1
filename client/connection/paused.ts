/**
 * What of a run is paused. People pause a workflow or an activity with Temporal's own tools.
 *
 * Invariant: only Temporal knows what is paused, and is asked at each read; no row says it. A read goes on
 * without an answer: `null` means that Temporal did not tell in time, or that its server cannot tell.
 */
import type { Client } from '@temporalio/client';
import type { google, temporal as proto } from '@temporalio/proto';
import type { Pause } from '../../contracts/http/api.js';
import { isGrpcNotFound } from '../../contracts/temporal-history.js';

/** Time limit of a look, ms. It delays a read while Temporal is away. */
const LIMIT_MS = 1_000;
/** Workflow ids in one query. */
const PAGE = 100;
/** Numbers of Temporal's enums: the state of an activity, the status of a workflow. */
const PAUSE_REQUESTED = 5;
const PAUSED_WORKFLOW = 8;
const MS_PER_S = 1_000;
const NS_PER_MS = 1_000_000;

type Described = proto.api.workflowservice.v1.IDescribeWorkflowExecutionResponse;
type Run = {
  readonly runId: string;
  readonly workflowId: string;
  readonly endedAt: string | null;
};

/** What of these runs is paused, by run id; null: that is not known. */
export async function pausedRuns(
  client: Client,
  runs: readonly Run[],
): Promise<ReadonlyMap<string, readonly Pause[]> | null> {
  const open = runs.filter(({ endedAt }) => endedAt === null);
  const found = new Map<string, readonly Pause[]>();
  if (open.length === 0) return found;
  try {
    await client.withDeadline(Date.now() + LIMIT_MS, async () => {
      for (let at = 0; at < open.length; at += PAGE) {
        const ids = open.slice(at, at + PAGE).map(({ workflowId }) => quoted(workflowId));
        const query = `TemporalPauseInfo IS NOT NULL AND CloseTime IS NULL AND WorkflowId IN (${ids.join(',')})`;
        for await (const { workflowId } of client.workflow.list({ query })) {
          const { firstRunId, pauses } = await pausesAt(client, workflowId);
          if (firstRunId !== undefined) found.set(firstRunId, pauses);
        }
      }
    });
    return found;
  } catch {
    return null;
  }
}

/** What of one run is paused; null: that is not known. */
export async function pausesOf(
  client: Client,
  { runId, workflowId, endedAt }: Run,
): Promise<readonly Pause[] | null> {
  if (endedAt !== null) return [];
  try {
    return await client.withDeadline(Date.now() + LIMIT_MS, async () => {
      const { firstRunId, pauses } = await pausesAt(client, workflowId);
      return firstRunId === runId ? pauses : [];
    });
  } catch {
    return null;
  }
}

async function pausesAt(
  client: Client,
  workflowId: string,
): Promise<{ readonly firstRunId?: string; readonly pauses: readonly Pause[] }> {
  try {
    const found = await client.workflowService.describeWorkflowExecution({
      namespace: client.options.namespace,
      execution: { workflowId },
    });
    const info = found.workflowExecutionInfo;
    const firstRunId = info?.firstRunId || info?.execution?.runId;
    return { ...(typeof firstRunId === 'string' && { firstRunId }), pauses: pausesIn(found) };
  } catch (thrown) {
    if (isGrpcNotFound(thrown)) return { pauses: [] };
    throw thrown;
  }
}

/** The pauses in an answer of Temporal: of the whole run first, then of activities. */
export function pausesIn({
  workflowExecutionInfo,
  workflowExtendedInfo,
  pendingActivities,
}: Described): readonly Pause[] {
  const pauses: Pause[] = [];
  const whole = workflowExtendedInfo?.pauseInfo;
  if (whole || Number(workflowExecutionInfo?.status) === PAUSED_WORKFLOW) {
    pauses.push({
      what: 'run',
      activity: null,
      activityId: null,
      stillRuns: false,
      ...{ by: whole?.identity || null, reason: whole?.reason || null, since: iso(whole?.pausedTime) },
    });
  }
  for (const { paused, activityId, activityType, state, pauseInfo } of pendingActivities ?? []) {
    if (paused !== true) continue;
    const { manual, rule } = pauseInfo ?? {};
    pauses.push({
      what: 'activity',
      activity: activityType?.name || null,
      activityId: activityId || null,
      stillRuns: Number(state) === PAUSE_REQUESTED,
      by: manual?.identity || rule?.identity || null,
      reason: manual?.reason || rule?.reason || null,
      since: iso(pauseInfo?.pauseTime),
    });
  }
  return pauses;
}

function iso(time: google.protobuf.ITimestamp | null | undefined): string | null {
  return time
    ? new Date(Number(time.seconds ?? 0) * MS_PER_S + (time.nanos ?? 0) / NS_PER_MS).toISOString()
    : null;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
