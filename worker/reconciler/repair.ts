/**
 * Repairs a run's log from Temporal's history: every run event is in the input of a regular activity
 * (docs/architecture.md, "Who writes what"). Committing an event that the log has changes nothing.
 *
 * Invariant: payloads are decoded as the client decodes them (`decodePayloads`), its codecs included.
 */
import { ActionEnvelope, FlushRequest, type RunHeader } from '../../contracts/run/activity.js';
import { RunError } from '../../contracts/errors.js';
import { JsonValue, type Json } from '../../contracts/json.js';
import { ACTIVITY_TYPES, RESERVED_PREFIX } from '../../contracts/run/messages.js';
import type { RunEvent } from '../../contracts/run/run-events.js';
import { argumentsOf, decodePayloads } from '../../contracts/temporal-history.js';
import type { Projections } from '../../projections/index.js';
import type { TemporalExecution, TemporalRuns } from './temporal-runs.js';

/** Events of one commit. */
const BATCH = 200;
/** Events of one page of the log. */
const PAGE = 500;

export interface Repaired {
  /** The number of events that the log lacked. */
  readonly events: number;
  readonly header: RunHeader | undefined;
  /** The workflow's result or error, where it ended by itself. */
  readonly result: Json | undefined;
  readonly error: RunError | undefined;
}

/**
 * Commits the events that the log of an ended run lacks: from the history of its last execution, and while
 * the log has a gap, from the executions before it.
 */
export async function repairFromHistory(
  temporal: TemporalRuns,
  projections: Projections,
  { workflowId, executionId }: Pick<TemporalExecution, 'workflowId' | 'executionId'>,
): Promise<Repaired> {
  const last = await repairExecution(temporal, projections, workflowId, executionId);
  let { events, header, previous } = last;
  while (previous !== undefined && (header === undefined || (await hasGap(projections, header)))) {
    const before = await repairExecution(temporal, projections, workflowId, previous);
    events += before.events;
    header ??= before.header;
    previous = before.previous;
  }
  return { ...last, events, header };
}

/** True where a run's live log lacks a number, or has a number twice. */
export async function hasGap(
  { reads }: Projections,
  { tenant, runId }: Pick<RunHeader, 'tenant' | 'runId'>,
): Promise<boolean> {
  const { gaps, doubled } = await reads.checkContiguity(tenant, runId);
  return gaps.length > 0 || doubled.length > 0;
}

interface RepairedExecution extends Repaired {
  /** The execution that this one continued as new. */
  readonly previous: string | undefined;
}

async function repairExecution(
  temporal: TemporalRuns,
  projections: Projections,
  workflowId: string,
  executionId: string,
): Promise<RepairedExecution> {
  let previous: string | undefined;
  let header: RunHeader | undefined;
  let result: Json | undefined;
  let error: RunError | undefined;
  const events = new Map<number, RunEvent>();
  for await (const event of temporal.history(workflowId, executionId)) {
    const started = event.workflowExecutionStartedEventAttributes;
    if (started) previous = started.continuedExecutionRunId || undefined;
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled) {
      const type = scheduled.activityType?.name ?? '';
      const carried = carriedBy(type, await argumentsOf(temporal.reader, event));
      header ??= carried?.run;
      for (const runEvent of carried?.events ?? []) events.set(runEvent.seq, runEvent);
    }
    const completed = event.workflowExecutionCompletedEventAttributes;
    if (completed) {
      const [value] = await decodePayloads(temporal.reader, completed.result?.payloads);
      result = JsonValue.catch(null).parse(value ?? null);
    }
    const failure = event.workflowExecutionFailedEventAttributes?.failure?.applicationFailureInfo;
    if (failure) {
      const [details] = await decodePayloads(temporal.reader, failure.details?.payloads);
      error = RunError.optional().catch(undefined).parse(details);
    }
  }
  if (header === undefined) return { events: 0, header, result, error, previous };
  const committed = await committedNumbers(projections, header, executionId);
  const missing = [...events.values()].filter(({ seq }) => !committed.has(seq)).sort((a, b) => a.seq - b.seq);
  for (let at = 0; at < missing.length; at += BATCH) {
    await projections.commitEvents({ run: header, workflowId, executionId }, missing.slice(at, at + BATCH));
  }
  return { events: missing.length, header, result, error, previous };
}

/** Numbers of the events of an execution that the log has. */
async function committedNumbers(
  { reads }: Projections,
  { tenant, runId }: RunHeader,
  executionId: string,
): Promise<ReadonlySet<number>> {
  const numbers = new Set<number>();
  for (let after: string | undefined; ;) {
    const page = await reads.listEvents(tenant, runId, { superseded: true, limit: PAGE, after });
    for (const event of page.items) if (event.executionId === executionId) numbers.add(event.seq);
    if (page.next === null) return numbers;
    after = page.next;
  }
}

/** The run events in an activity's input. */
function carriedBy(
  type: string,
  input: readonly unknown[],
): { readonly run: RunHeader; readonly events: readonly RunEvent[] } | undefined {
  if (type === ACTIVITY_TYPES.flushEvents) return FlushRequest.safeParse(input[0]).data;
  if (type.startsWith(RESERVED_PREFIX)) return undefined;
  return ActionEnvelope.safeParse(input[1]).data;
}
