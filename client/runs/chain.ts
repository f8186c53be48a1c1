/**
 * Reads a run from Temporal's histories: its workflow tasks, its steps and its requests to cancel, from its
 * first execution to its latest.
 *
 * Invariants
 * - The live chain only: from the latest execution back through those that it continued as new. The history
 *   of a reset execution begins with a copy of the history that was reset, so what a reset undid is in none
 *   of them.
 * - A step began in the last task that had started when its first event was made: an event's time is the time
 *   of the task that made it. Of tasks that started in the same millisecond the first counts: going back a
 *   little further changes nothing, because a rewind takes effect where its step begins.
 */
import type { Client } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { z } from 'zod';
import { StepRef } from '../../contracts/run/activity.js';
import { placeKey, placeLabel } from '../../contracts/run/place.js';
import { RunEvent } from '../../contracts/run/run-events.js';
import { argumentsOf, historyOf } from '../../contracts/temporal-history.js';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

/** A workflow task that has completed. */
export interface Task {
  readonly executionId: string;
  /** When it started, epoch ms, truncated like the workflow's clock. */
  readonly startedMs: number;
  /** Id of the event that completed it: Temporal can reset to it. */
  readonly finishedId: number;
  /**
   * The task before it ended with a local activity, whose outcome may have reached the code only in this
   * task.
   */
  readonly afterLocal: boolean;
}

/** A step that has begun. */
export interface BegunStep {
  readonly path: string;
  readonly iteration: readonly number[];
  /** When it began, epoch ms. */
  readonly at: number;
  /** Number of its first event. */
  readonly seq: number;
  /** The idempotency key of its action. */
  readonly key: string | undefined;
}

/** A run as its histories record it. */
export interface Chain {
  /** In order of time. */
  readonly tasks: readonly Task[];
  /** Each once, in the order in which they began. */
  readonly steps: readonly BegunStep[];
  /** The requests to cancel it. */
  readonly cancelled: readonly { readonly executionId: string; readonly eventId: number }[];
}

/**
 * Reads the chain of a run.
 * @param executionId the latest execution
 * @throws what Temporal's client throws; a history that is gone has no events
 */
export async function readChain(client: Client, workflowId: string, executionId: string): Promise<Chain> {
  const tasks: Task[] = [];
  const steps = new Map<string, BegunStep>();
  const cancelled: Chain['cancelled'][number][] = [];
  for (let id: string | undefined = executionId; id !== undefined;) {
    const current: string = id;
    const tasksHere: Task[] = [];
    let startedMs = 0;
    let afterLocal = false;
    id = undefined;
    for await (const event of historyOf(client, workflowId, current)) {
      const eventId = Number(event.eventId);
      if (event.workflowExecutionStartedEventAttributes) {
        id = event.workflowExecutionStartedEventAttributes.continuedExecutionRunId || undefined;
      }
      if (event.workflowTaskStartedEventAttributes) startedMs = msOf(event);
      if (event.workflowTaskCompletedEventAttributes) {
        tasksHere.push({ executionId: current, startedMs, finishedId: eventId, afterLocal });
        afterLocal = false;
      }
      if (event.markerRecordedEventAttributes?.markerName === LOCAL_ACTIVITY) afterLocal = true;
      if (event.workflowExecutionCancelRequestedEventAttributes) {
        cancelled.push({ executionId: current, eventId });
      }
      for (const runEvent of await runEventsOf(client, event)) addStepEvent(steps, runEvent);
    }
    tasks.unshift(...tasksHere);
  }
  return { tasks, steps: [...steps.values()].sort((a, b) => a.seq - b.seq), cancelled };
}

/** The task in which a step began; undefined if no history holds it any more. */
export function taskOf({ tasks }: Chain, { at }: BegunStep): Task | undefined {
  const last = tasks.findLast(({ startedMs }) => startedMs <= at);
  let index = tasks.findIndex(({ startedMs }) => startedMs === last?.startedMs);
  // On replay such an outcome counts as copied history, so the code that consumed it would not run as new; go
  // back one task more.
  while (tasks[index]?.afterLocal === true && tasks[index - 1]?.executionId === tasks[index]?.executionId) {
    index--;
  }
  return tasks[index];
}

/** Where a step is, for people. */
export function labelOf({ path, iteration }: Pick<BegunStep, 'path' | 'iteration'>): string {
  return placeLabel(path, iteration);
}

/** Adds what an event says about its step. Of several events the one with the lowest number counts. */
function addStepEvent(steps: Map<string, BegunStep>, event: RunEvent): void {
  const { stepPath: path, iteration = [], seq, type, data } = event;
  if (path === undefined || !type.startsWith('STEP_')) return;
  const place = placeKey(path, iteration);
  const earlier = steps.get(place);
  const key = 'key' in data ? data.key : undefined;
  if (earlier !== undefined && earlier.seq <= seq) return;
  const startedAt = 'startedAt' in data ? data.startedAt : undefined;
  steps.set(place, { path, iteration, at: startedAt ?? event.at, seq, key: key ?? earlier?.key });
}

const Carrier = z.object({ events: z.array(RunEvent), step: StepRef.optional() });

/** The run events in an activity's input. */
async function runEventsOf(client: Client, event: HistoryEvent): Promise<readonly RunEvent[]> {
  const values = await argumentsOf(client.options.loadedDataConverter, event);
  return values.flatMap((value) => Carrier.safeParse(value).data?.events ?? []);
}

/** What the SDK calls the marker of a local activity. */
const LOCAL_ACTIVITY = 'core_local_activity';

function msOf({ eventTime }: HistoryEvent): number {
  return Number(eventTime?.seconds ?? 0) * 1_000 + Math.floor(Number(eventTime?.nanos ?? 0) / 1_000_000);
}
