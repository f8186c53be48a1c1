/**
 * The run events that stand in Temporal's history, as the inputs of a run's regular activities.
 *
 * Invariant: an event is told under the Temporal execution that committed it. The history of a reset execution
 * begins with a copy of the one it was reset from, up to a failed workflow task that names both: what was
 * scheduled before that belongs to the earlier execution.
 */
import type { Client } from '@temporalio/client';
import { z } from 'zod';
import { RunHeader } from '../../contracts/run/activity.js';
import { RunEvent } from '../../contracts/run/run-events.js';
import type { CarriedEvents } from '../../projections/index.js';

type History = Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>;
type HistoryEvent = NonNullable<History['events']>[number];

/** Any argument of an activity that carries events: the request to flush, the envelope of an action. */
const Carrier = z.object({ run: RunHeader, events: z.array(RunEvent) });

/**
 * Events of every run that Temporal has under a workflow id, by run id: all its executions, continued as new and
 * reset ones too.
 */
export async function readRunEvents(
  client: Client,
  workflowId: string,
): Promise<ReadonlyMap<string, readonly CarriedEvents[]>> {
  const runs = new Map<string, CarriedEvents[]>();
  const seen = new Set<string>();
  const executions: { readonly runId: string; readonly history: History }[] = [];
  for await (const { runId } of client.workflow.list({ query: `WorkflowId = ${quoted(workflowId)}` })) {
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    executions.push({ runId, history });
  }
  // The ids of resets say nothing about their order: the database goes by the order in which it sees them.
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

/** Workflow ids of Sluice's runs on Temporal, each once. @param tenant absent: of all tenants */
export async function listWorkflowIds(
  client: Client,
  tenant: string | undefined,
): Promise<readonly string[]> {
  const query = tenant === undefined ? 'SluiceTenant IS NOT NULL' : `SluiceTenant = ${quoted(tenant)}`;
  const ids = new Set<string>();
  for await (const { workflowId } of client.workflow.list({ query })) ids.add(workflowId);
  return [...ids];
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/** When an execution began, epoch ms: a reset one with the task that names it, any other with its first event. */
function beginning({ events }: History): number {
  const event = events?.findLast((one) => resetFrom(one) !== undefined) ?? events?.[0];
  return Number(event?.eventTime?.seconds ?? 0) * 1_000 + Number(event?.eventTime?.nanos ?? 0) / 1_000_000;
}

interface Found {
  readonly executionId: string;
  readonly argument: z.infer<typeof Carrier>;
}

async function carriedIn(client: Client, { events }: History, runId: string): Promise<readonly Found[]> {
  const found: Found[] = [];
  // What has been read belongs to an execution that is known only at the reset that follows it, if there is one.
  let read: z.infer<typeof Carrier>[] = [];
  const settle = (executionId: string) => {
    found.push(...read.map((argument) => ({ executionId, argument })));
    read = [];
  };
  for (const event of events ?? []) {
    const base = resetFrom(event);
    if (base !== undefined) settle(base);
    read.push(...(await argumentsOf(client, event)));
  }
  settle(runId);
  return found;
}

/** The execution that a reset copied the history before this event from; undefined for any other event. */
function resetFrom({ workflowTaskFailedEventAttributes: failed }: HistoryEvent): string | undefined {
  const base = failed?.baseRunId;
  if (base === undefined || base === null || base === '' || !failed?.newRunId) return undefined;
  return base;
}

async function argumentsOf(
  client: Client,
  { activityTaskScheduledEventAttributes: scheduled }: HistoryEvent,
): Promise<readonly z.infer<typeof Carrier>[]> {
  let payloads = scheduled?.input?.payloads ?? [];
  const { payloadConverter, payloadCodecs } = client.options.loadedDataConverter;
  for (const codec of payloadCodecs) payloads = await codec.decode(payloads);
  return payloads.flatMap((payload) => {
    const argument = Carrier.safeParse(payloadConverter.fromPayload(payload));
    return argument.success ? [argument.data] : [];
  });
}
