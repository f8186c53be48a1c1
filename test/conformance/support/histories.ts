/** Temporal's own record of the runs of a test, and its replay. */
import { Worker, type ReplayHistoriesIterable } from '@temporalio/worker';
import { temporal } from '@temporalio/proto';
import { suiteBundle } from '../../support/services.js';
import type { World } from './world.js';

type History = temporal.api.history.v1.IHistory;

/** History of one execution. */
export interface ExecutionHistory {
  readonly workflowId: string;
  readonly runId: string;
  readonly history: History;
}

/** Histories of all executions of a run, from the first one over every continue-as-new. */
export async function historiesOf(
  world: World,
  workflowId: string,
  runId: string,
): Promise<ExecutionHistory[]> {
  const found: ExecutionHistory[] = [];
  let next: string | undefined = runId;
  while (next !== undefined) {
    const history = await world.client.workflow.getHandle(workflowId, next).fetchHistory();
    found.push({ workflowId, runId: next, history });
    next =
      history.events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? undefined;
  }
  return found;
}

/** How many events of each type the histories have, by name. */
export function eventCounts(histories: readonly ExecutionHistory[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { history } of histories) {
    for (const { eventType } of history.events ?? []) {
      const name = temporal.api.enums.v1.EventType[eventType ?? 0] ?? 'unknown';
      counts[name] = (counts[name] ?? 0) + 1;
    }
  }
  return counts;
}

/**
 * Replays histories with the workflow code as it is.
 * @throws Error that names each history of which the code would do something else
 */
export async function replay(histories: readonly ExecutionHistory[]): Promise<void> {
  const options = { workflowBundle: await suiteBundle() };
  const iterable = histories.map(({ workflowId, history }) => ({ workflowId, history }));
  const problems: string[] = [];
  for await (const { workflowId, runId, error } of Worker.runReplayHistories(
    options,
    iterable as ReplayHistoriesIterable,
  )) {
    if (error) problems.push(`${workflowId} (${runId}): ${error.message}`);
  }
  if (problems.length > 0) throw new Error(`Histories that do not replay:\n${problems.join('\n')}`);
}
