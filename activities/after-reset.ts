/**
 * `sluice.afterReset`: what an execution that was made by a reset is to do again. A local activity that only reads,
 * and only from Temporal: the orders stand in the histories, as the reasons of resets.
 *
 * Invariant: rewinds in force are those of this execution's own history and of the ones that it was made from, the
 * oldest first. So a plain reset after a rewind takes none of it back. An ancestor whose history is gone says nothing.
 */
import { Context } from '@temporalio/activity';
import { isGrpcServiceError } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { z } from 'zod';
import { SluiceError } from '../contracts/errors.js';
import { rewindOf, type AfterReset, type Rewind } from '../contracts/run/rewind.js';
import { refusal } from './boundary/failures.js';

/** gRPC's NOT_FOUND. */
const NOT_FOUND = 5;

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

/** A reset, as the history of the execution that it made tells it. */
interface Reset {
  /** Of the event that tells it: what the base has from this number on is undone. */
  readonly eventId: number;
  readonly base: string;
  readonly made: string;
  /** Epoch ms. */
  readonly at: number;
  readonly rewind: Rewind | undefined;
}

/**
 * Reads it. What Temporal throws while it is away is repeated by the workflow's retry policy, without end.
 * @throws ApplicationFailure INPUT_INVALID where no workflow asks
 */
export async function afterReset(): Promise<AfterReset> {
  const { workflowExecution } = Context.current().info;
  if (workflowExecution === undefined) {
    throw refusal(new SluiceError('INPUT_INVALID', 'Only a workflow can have been reset'));
  }
  const { workflowId, runId } = workflowExecution;
  const resets = await ancestry(workflowId, runId);
  const own = resets.findLast(({ made }) => made === runId);
  const version = own === undefined ? undefined : await pinnedVersion(workflowId, own.base);
  return {
    execution: runId,
    rewinds: resets.flatMap(({ rewind }) => (rewind === undefined ? [] : [rewind])),
    ...(own?.rewind !== undefined && { own: own.rewind.id }),
    base: own?.base ?? '',
    children: own?.rewind === undefined ? [] : await waitedFor(workflowId, own),
    ...(version !== undefined && { version }),
  };
}

/** Every reset that this execution comes of, the oldest first. */
async function ancestry(workflowId: string, runId: string): Promise<readonly Reset[]> {
  const found = new Map<string, Reset>();
  const read = new Set<string>();
  const queue = [runId];
  for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
    if (read.has(id)) continue;
    read.add(id);
    for (const reset of await resetsIn(workflowId, id)) {
      found.set(reset.made, reset);
      queue.push(reset.base);
    }
  }
  return [...found.values()].sort((a, b) => a.at - b.at);
}

async function resetsIn(workflowId: string, runId: string): Promise<readonly Reset[]> {
  const resets: Reset[] = [];
  for await (const event of historyOf(workflowId, runId)) {
    const { workflowTaskFailedEventAttributes: failed, eventTime, eventId } = event;
    if (!failed?.baseRunId || !failed.newRunId) continue;
    resets.push({
      eventId: Number(eventId),
      base: failed.baseRunId,
      made: failed.newRunId,
      at: Number(eventTime?.seconds ?? 0) * 1_000 + Number(eventTime?.nanos ?? 0) / 1_000_000,
      rewind: rewindOf(failed.failure?.message ?? ''),
    });
  }
  return resets;
}

type Child = AfterReset['children'][number];

/** Children that what was undone waits for: Temporal lets them run on when it resets their parent. */
async function waitedFor(workflowId: string, { base, eventId: undoneFrom }: Reset): Promise<Child[]> {
  const open: Child[] = [];
  let from = undoneFrom;
  for (let id: string | undefined = base; id !== undefined;) {
    const current: string = id;
    const children = new Map<number, Child | undefined>();
    id = undefined;
    for await (const event of historyOf(workflowId, current)) {
      const initiated = event.startChildWorkflowExecutionInitiatedEventAttributes;
      const undone = Number(event.eventId) >= from;
      if (Number(initiated?.parentClosePolicy) === REQUEST_CANCEL && undone) {
        children.set(Number(event.eventId), undefined);
      }
      const started = event.childWorkflowExecutionStartedEventAttributes;
      const { workflowId: child, runId } = started?.workflowExecution ?? {};
      const begun = Number(started?.initiatedEventId);
      if (children.has(begun) && child && runId) children.set(begun, { workflowId: child, runId });
      children.delete(Number(closedChild(event)?.initiatedEventId));
      id = event.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? undefined;
    }
    open.push(...[...children.values()].filter((child) => child !== undefined));
    from = 0;
  }
  return open;
}

/** Temporal's PARENT_CLOSE_POLICY_REQUEST_CANCEL: a child that its parent waits for. */
const REQUEST_CANCEL = 3;

function closedChild(event: HistoryEvent) {
  return (
    event.childWorkflowExecutionCompletedEventAttributes ??
    event.childWorkflowExecutionFailedEventAttributes ??
    event.childWorkflowExecutionCanceledEventAttributes ??
    event.childWorkflowExecutionTimedOutEventAttributes ??
    event.childWorkflowExecutionTerminatedEventAttributes
  );
}

/** The events of one execution's history, page by page; none where it is gone. */
async function* historyOf(workflowId: string, runId: string): AsyncGenerator<HistoryEvent, void> {
  const { client } = Context.current();
  let nextPageToken: Uint8Array | null | undefined;
  do {
    const page = await client.workflowService
      .getWorkflowExecutionHistory({
        namespace: client.options.namespace,
        execution: { workflowId, runId },
        ...(nextPageToken && { nextPageToken }),
      })
      .catch((error: unknown) => {
        if (isGrpcServiceError(error) && Number(error.code) === NOT_FOUND) return undefined;
        throw error;
      });
    yield* page?.history?.events ?? [];
    nextPageToken = page?.nextPageToken;
  } while (nextPageToken !== undefined && nextPageToken !== null && nextPageToken.length > 0);
}

/** The version that the memo of an execution says it was pinned to. */
async function pinnedVersion(workflowId: string, runId: string): Promise<number | undefined> {
  const { client } = Context.current();
  const { memo } = await client.workflow.getHandle(workflowId, runId).describe();
  return z.number().int().positive().optional().catch(undefined).parse(memo?.['definitionVersion']);
}
