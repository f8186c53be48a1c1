/**
 * What Temporal's history says of a run as it stands: its executions from the first to the latest, the tasks in which
 * its code was run, and the events that it has told.
 *
 * Invariants
 * - The live chain only: from the latest execution back through those that it continued as new. A reset execution's
 *   history begins with a copy of what it was reset from, so what a reset has undone is in none of them.
 * - A step began in the last task that had started when its first event was made: an event's time is the time of the
 *   task that made it. Of tasks that started in the same millisecond the first is taken: to go back a little further
 *   changes nothing, because a rewind takes effect where its step begins.
 */
import { isGrpcServiceError, type Client } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { z } from 'zod';
import { StepRef } from '../../contracts/run/activity.js';
import { RunEvent } from '../../contracts/run/run-events.js';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

/** A workflow task that has completed. */
export interface Task {
  readonly executionId: string;
  /** When it began, epoch ms, cut as the workflow's clock is. */
  readonly startedMs: number;
  /** Id of the event that completed it: where Temporal can reset to. */
  readonly finishedId: number;
  /** The task before it ended with a local activity, whose outcome may have been given to the code only in this one. */
  readonly afterLocal: boolean;
}

/** A step that has begun. */
export interface BegunStep {
  readonly path: string;
  readonly iteration: readonly number[];
  /** When, epoch ms. */
  readonly at: number;
  /** Of its first event. */
  readonly seq: number;
  /** The idempotency key of its action. */
  readonly key: string | undefined;
}

/** A run as its histories tell it. */
export interface Chain {
  /** In the order of time. */
  readonly tasks: readonly Task[];
  /** Each once, in the order in which they began. */
  readonly steps: readonly BegunStep[];
  /** Where a cancellation was requested. */
  readonly cancelled: readonly { readonly executionId: string; readonly eventId: number }[];
}

/**
 * Reads them.
 * @param executionId the latest execution
 * @throws what Temporal's client throws; a history that is gone has no events
 */
export async function readChain(client: Client, workflowId: string, executionId: string): Promise<Chain> {
  const tasks: Task[] = [];
  const steps = new Map<string, BegunStep>();
  const cancelled: Chain['cancelled'][number][] = [];
  for (let id: string | undefined = executionId; id !== undefined;) {
    const current: string = id;
    const own: Task[] = [];
    let started = 0;
    let local = false;
    id = undefined;
    for await (const event of historyOf(client, workflowId, current)) {
      const eventId = Number(event.eventId);
      if (event.workflowExecutionStartedEventAttributes) {
        id = event.workflowExecutionStartedEventAttributes.continuedExecutionRunId || undefined;
      }
      if (event.workflowTaskStartedEventAttributes) started = msOf(event);
      if (event.workflowTaskCompletedEventAttributes) {
        own.push({ executionId: current, startedMs: started, finishedId: eventId, afterLocal: local });
        local = false;
      }
      if (event.markerRecordedEventAttributes?.markerName === LOCAL_ACTIVITY) local = true;
      if (event.workflowExecutionCancelRequestedEventAttributes) {
        cancelled.push({ executionId: current, eventId });
      }
      for (const told of await toldBy(client, event)) note(steps, told);
    }
    tasks.unshift(...own);
  }
  return { tasks, steps: [...steps.values()].sort((a, b) => a.seq - b.seq), cancelled };
}

/** The task in which a step began; undefined where no history has it any more. */
export function taskOf({ tasks }: Chain, { at }: BegunStep): Task | undefined {
  const last = tasks.findLast(({ startedMs }) => startedMs <= at);
  let index = tasks.findIndex(({ startedMs }) => startedMs === last?.startedMs);
  // Replayed, such an outcome still counts as copied history, and what the code does with it would not be new.
  while (tasks[index]?.afterLocal === true && tasks[index - 1]?.executionId === tasks[index]?.executionId) {
    index--;
  }
  return tasks[index];
}

/** The name of a place, for people and for comparing. */
export function placeName({ path, iteration }: Pick<BegunStep, 'path' | 'iteration'>): string {
  return iteration.length === 0 ? path : `${path} [${iteration.join(', ')}]`;
}

function note(steps: Map<string, BegunStep>, event: RunEvent): void {
  const { stepPath: path, iteration = [], seq, type, data } = event;
  if (path === undefined || !type.startsWith('STEP_')) return;
  const name = placeName({ path, iteration });
  const known = steps.get(name);
  const key = 'key' in data ? data.key : undefined;
  if (known !== undefined && known.seq <= seq) return;
  const startedAt = 'startedAt' in data ? data.startedAt : undefined;
  steps.set(name, { path, iteration, at: startedAt ?? event.at, seq, key: key ?? known?.key });
}

const Carrier = z.object({ events: z.array(RunEvent), step: StepRef.optional() });

/** The run events in an activity's input. */
async function toldBy(
  client: Client,
  { activityTaskScheduledEventAttributes: scheduled }: HistoryEvent,
): Promise<readonly RunEvent[]> {
  let payloads = scheduled?.input?.payloads ?? [];
  const { payloadConverter, payloadCodecs } = client.options.loadedDataConverter;
  for (const codec of payloadCodecs) payloads = await codec.decode(payloads);
  return payloads.flatMap((payload) => {
    const argument = Carrier.safeParse(payloadConverter.fromPayload(payload));
    return argument.success ? argument.data.events : [];
  });
}

/** What the SDK calls the marker of a local activity. */
const LOCAL_ACTIVITY = 'core_local_activity';

const NOT_FOUND = 5;

/** The events of one execution's history, page by page; none where it is gone. */
export async function* historyOf(
  client: Client,
  workflowId: string,
  runId: string,
): AsyncGenerator<HistoryEvent, void> {
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

function msOf({ eventTime }: HistoryEvent): number {
  return Number(eventTime?.seconds ?? 0) * 1_000 + Math.floor(Number(eventTime?.nanos ?? 0) / 1_000_000);
}
