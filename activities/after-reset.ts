/**
 * `sluice.afterReset`: what an execution that a reset made has to do again. A local activity that only reads,
 * and only from Temporal: the orders are in the histories, as the reasons of resets.
 *
 * Invariant: the rewinds in force are those in this execution's history and in the histories of the
 * executions that it was made from, the oldest first. So a plain reset after a rewind undoes no rewind. An
 * ancestor whose history is gone contributes nothing. In a worker with claim keys, an order without a valid
 * claim counts as a plain reset.
 */
import { Context } from '@temporalio/activity';
import type { temporal } from '@temporalio/proto';
import { z } from 'zod';
import { SluiceError } from '../contracts/errors.js';
import { ACTIVITY_TYPES } from '../contracts/run/messages.js';
import { rewindOf, rewindText, type AfterReset, type Rewind } from '../contracts/run/rewind.js';
import { historyOf, resetOf, type ResetRuns } from '../contracts/temporal-history.js';
import { keeperOf } from './claims/claims.js';
import { refusal } from './boundary/failures.js';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

/** A reset, as the history of the execution that it made records it. */
interface Reset extends ResetRuns {
  /** Id of the event that records it: the reset undid everything of the earlier execution from this id on. */
  readonly eventId: number;
  /** Epoch ms. */
  readonly at: number;
  readonly rewind: Rewind | undefined;
}

/**
 * Reads what was reset. The workflow's retry policy repeats a failure of Temporal without end.
 * @throws ApplicationFailure INPUT_INVALID where the caller is not a workflow
 */
export async function afterReset(): Promise<AfterReset> {
  const { workflowExecution } = Context.current().info;
  if (workflowExecution === undefined) {
    throw refusal(new SluiceError('INPUT_INVALID', 'Only a workflow can have been reset'));
  }
  const { workflowId, runId } = workflowExecution;
  const { resets, refused } = proven(await ancestry(workflowId, runId), workflowId);
  const latest = resets.findLast(({ made }) => made === runId);
  const version = latest === undefined ? undefined : await pinnedVersion(workflowId, latest.resetFrom);
  return {
    execution: runId,
    rewinds: resets.flatMap(({ rewind }) => (rewind === undefined ? [] : [rewind])),
    ...(latest?.rewind !== undefined && { own: latest.rewind.id }),
    ...(refused.length > 0 && { refused: [...refused] }),
    base: latest?.resetFrom ?? '',
    ...(latest?.rewind === undefined ? { children: [], tasks: [] } : await undone(workflowId, latest)),
    ...(version !== undefined && { version }),
  };
}

/**
 * The resets, without the orders that no door of Sluice has given: each of these is a plain reset. An order
 * from before claims counted is in force, as Temporal's clock dates it.
 */
function proven(
  resets: readonly Reset[],
  workflowId: string,
): { readonly resets: readonly Reset[]; readonly refused: readonly string[] } {
  const { client } = Context.current();
  const keeper = keeperOf(client);
  if (keeper === undefined) return { resets, refused: [] };
  const place = { namespace: client.options.namespace, workflowId };
  const refused: string[] = [];
  const kept = resets.map((reset) => {
    const { rewind, at, resetFrom } = reset;
    if (rewind === undefined || at < keeper.since) return reset;
    const text = rewindText(rewind, resetFrom);
    if (keeper.verify(rewind.claim ?? '', 'rewind', place, text)) return reset;
    refused.push(rewind.id);
    return { ...reset, rewind: undefined };
  });
  return { resets: kept, refused };
}

/** Every reset that led to this execution, the oldest first. */
async function ancestry(workflowId: string, runId: string): Promise<readonly Reset[]> {
  const found = new Map<string, Reset>();
  const read = new Set<string>();
  const queue = [runId];
  for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
    if (read.has(id)) continue;
    read.add(id);
    for (const reset of await resetsIn(workflowId, id)) {
      found.set(reset.made, reset);
      queue.push(reset.resetFrom);
    }
  }
  return [...found.values()].sort((a, b) => a.at - b.at);
}

async function resetsIn(workflowId: string, runId: string): Promise<readonly Reset[]> {
  const resets: Reset[] = [];
  for await (const event of historyOf<HistoryEvent>(Context.current().client, workflowId, runId)) {
    const reset = resetOf(event);
    if (reset === undefined) continue;
    const { workflowTaskFailedEventAttributes: failed, eventTime, eventId } = event;
    resets.push({
      ...reset,
      eventId: Number(eventId),
      at: Number(eventTime?.seconds ?? 0) * 1_000 + Number(eventTime?.nanos ?? 0) / 1_000_000,
      rewind: rewindOf(failed?.failure?.message ?? ''),
    });
  }
  return resets;
}

type Child = AfterReset['children'][number];

/**
 * What the undone part has begun, and runs on when Temporal resets the run: children that it waits for, and
 * the tasks that it has asked.
 */
async function undone(
  workflowId: string,
  { resetFrom, eventId: undoneFrom }: Reset,
): Promise<Pick<AfterReset, 'children' | 'tasks'>> {
  const open: Child[] = [];
  const tasks = new Set<string>();
  let from = undoneFrom;
  for (let id: string | undefined = resetFrom; id !== undefined;) {
    const current: string = id;
    const children = new Map<number, Child | undefined>();
    id = undefined;
    for await (const event of historyOf<HistoryEvent>(Context.current().client, workflowId, current)) {
      const initiated = event.startChildWorkflowExecutionInitiatedEventAttributes;
      const isUndone = Number(event.eventId) >= from;
      const scheduled = event.activityTaskScheduledEventAttributes;
      if (isUndone && scheduled?.activityType?.name === ACTIVITY_TYPES.openTask && scheduled.activityId) {
        tasks.add(scheduled.activityId);
      }
      if (Number(initiated?.parentClosePolicy) === REQUEST_CANCEL && isUndone) {
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
  return { children: open, tasks: [...tasks] };
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

/** The version that an execution was pinned to, as its memo says. */
async function pinnedVersion(workflowId: string, runId: string): Promise<number | undefined> {
  const { client } = Context.current();
  const { memo } = await client.workflow.getHandle(workflowId, runId).describe();
  return z.number().int().positive().optional().catch(undefined).parse(memo?.['definitionVersion']);
}
