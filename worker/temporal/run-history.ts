/**
 * Reads the run events in Temporal's history, which are inputs of a run's regular activities.
 *
 * Invariant: an event belongs to the Temporal execution that committed it. The history of a reset execution
 * begins with a copy of the execution that it was reset from, up to a failed workflow task that names both:
 * activities scheduled before that task belong to the earlier execution.
 */
import type { Client } from '@temporalio/client';
import { z } from 'zod';
import { RunHeader } from '../../contracts/run/activity.js';
import { RunEvent } from '../../contracts/run/run-events.js';
import { argumentsOf, resetOf } from '../../contracts/temporal-history.js';
import type { CarriedEvents } from '../../projections/index.js';

type History = Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>;
type HistoryEvent = NonNullable<History['events']>[number];

/** Any argument of an activity that carries events: the request to flush, the envelope of an action. */
const Carrier = z.object({ run: RunHeader, events: z.array(RunEvent) });

/**
 * Events of every run that Temporal has under a workflow id, by run id: all its executions, continued as new
 * and reset ones too, of one task queue.
 */
export async function readRunEvents(
  client: Client,
  workflowId: string,
  taskQueue: string,
): Promise<ReadonlyMap<string, readonly CarriedEvents[]>> {
  const runs = new Map<string, CarriedEvents[]>();
  const seen = new Set<string>();
  const executions: { readonly runId: string; readonly history: History }[] = [];
  const query = `WorkflowId = ${quoted(workflowId)}`;
  for await (const { runId, taskQueue: queue } of client.workflow.list({ query })) {
    if (queue !== taskQueue) continue;
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    executions.push({ runId, history });
  }
  // Ids of resets have no order: the database uses the order in which it sees them.
  executions.sort((a, b) => beginning(a.history) - beginning(b.history));
  for (const { runId, history } of executions) {
    for (const { executionId, argument } of await carriedIn(client, history, runId)) {
      const name = JSON.stringify([executionId, argument.events.map(({ seq }) => seq)]);
      if (argument.events.length === 0 || seen.has(name)) continue;
      seen.add(name);
      const carried = runs.get(argument.run.runId) ?? [];
      runs.set(argument.run.runId, carried);
      carried.push({ execution: { run: argument.run, workflowId, executionId }, events: argument.events });
    }
  }
  return runs;
}

export interface ListedWorkflows {
  /** Workflow ids of the task queue, each once. */
  readonly ids: readonly string[];
  /** How many workflow ids were left, by the task queue that they are of. */
  readonly left: Readonly<Record<string, number>>;
}

/**
 * Workflow ids of Sluice's runs on Temporal.
 * @param tenant undefined: of all tenants
 * @param taskQueue runs of other task queues belong to another Sluice, with its own database
 */
export async function listWorkflows(
  client: Client,
  tenant: string | undefined,
  taskQueue: string,
): Promise<ListedWorkflows> {
  const query = tenant === undefined ? 'SluiceTenant IS NOT NULL' : `SluiceTenant = ${quoted(tenant)}`;
  const byQueue = new Map<string, Set<string>>();
  for await (const { workflowId, taskQueue: queue } of client.workflow.list({ query })) {
    const ids = byQueue.get(queue) ?? new Set();
    byQueue.set(queue, ids.add(workflowId));
  }
  const ids = [...(byQueue.get(taskQueue) ?? [])];
  byQueue.delete(taskQueue);
  return { ids, left: Object.fromEntries([...byQueue].map(([queue, others]) => [queue, others.size])) };
}

/** The task queues of the executions that Temporal has under a workflow id. */
export async function taskQueuesOf(client: Client, workflowId: string): Promise<readonly string[]> {
  const queues = new Set<string>();
  for await (const { taskQueue } of client.workflow.list({ query: `WorkflowId = ${quoted(workflowId)}` })) {
    queues.add(taskQueue);
  }
  return [...queues];
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/**
 * When an execution began, epoch ms: a reset one with the task that names it, any other with its first event.
 */
function beginning({ events }: History): number {
  const event = events?.findLast((historyEvent) => resetOf(historyEvent) !== undefined) ?? events?.[0];
  return Number(event?.eventTime?.seconds ?? 0) * 1_000 + Number(event?.eventTime?.nanos ?? 0) / 1_000_000;
}

interface Found {
  readonly executionId: string;
  readonly argument: z.infer<typeof Carrier>;
}

async function carriedIn(client: Client, { events }: History, runId: string): Promise<readonly Found[]> {
  const found: Found[] = [];
  // The execution of these events is known only at the reset that follows them, if one does.
  let read: z.infer<typeof Carrier>[] = [];
  const settle = (executionId: string) => {
    found.push(...read.map((argument) => ({ executionId, argument })));
    read = [];
  };
  for (const event of events ?? []) {
    const reset = resetOf(event);
    if (reset !== undefined) settle(reset.resetFrom);
    read.push(...(await carriersIn(client, event)));
  }
  settle(runId);
  return found;
}

async function carriersIn(client: Client, event: HistoryEvent): Promise<readonly z.infer<typeof Carrier>[]> {
  const values = await argumentsOf(client.options.loadedDataConverter, event);
  return values.flatMap((value) => Carrier.safeParse(value).data ?? []);
}
