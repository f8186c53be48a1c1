/**
 * What a run is between two of its steps: plain JSON, so that it survives continue-as-new as it is.
 *
 * A lane is one line of control. Its frames are a stack: block frames walk a list of steps, every other
 * frame belongs to the step that stands beneath the block above it. A frame that waits for something
 * (a timer, an event, a retry, lanes) holds all that is needed to wait on in another execution.
 *
 * Nothing here is derived: lexical names, `error` and the iteration are read off the frames, so a frame
 * that is gone takes its names with it (trap 8), and no step has to restore a scope.
 */
import type { EventFilter } from '../../../contracts/events/filters.js';
import type { RunError } from '../../../contracts/errors.js';
import type { Json, JsonObject } from '../../../contracts/json.js';
import type { PreparedRun } from '../../../contracts/run/activity.js';
import type { Undo } from '../../../contracts/run/compensation.js';
import type { EventSignal, ProgressLine, StartMemo } from '../../../contracts/run/messages.js';
import type { PublishedEvent, RunEvent } from '../../../contracts/run/run-events.js';
import type { RunStatus } from '../../../contracts/run/run.js';
import type { Generation } from '../../../contracts/run/rewind.js';

/** How a step, a block or a lane ended. */
export type Completion =
  | { readonly t: 'normal'; readonly output?: Json; readonly publish?: PublishedEvent }
  | { readonly t: 'error'; readonly error: RunError; readonly retryable: boolean }
  | { readonly t: 'return'; readonly value: Json }
  | { readonly t: 'break' }
  | { readonly t: 'continue' }
  | { readonly t: 'cancel' };

interface StepFrame {
  /** Step path. */
  readonly path: string;
  /** When the step began, epoch ms. */
  readonly at: number;
}

export interface BlockFrame {
  readonly k: 'block';
  /** Block path. */
  readonly path: string;
  i: number;
}

/** control.if, control.switch, control.saga: one block, nothing else. */
export interface ScopeFrame extends StepFrame {
  readonly k: 'scope';
  /** Of a control.saga: names of its own scope and of the one around it. */
  readonly saga?: { readonly scope: string; readonly outer: string };
}

/** Undoes a scope; `path` is that of its control.saga, '' for the run. */
export interface UndoFrame extends StepFrame {
  readonly k: 'undo';
  readonly scope: string;
  /** How the scope ended, and ends when it has been undone. */
  readonly pending: Completion;
}

/** A step that has been done and can be undone. */
export interface SagaEntry {
  readonly path: string;
  readonly id: string;
  readonly iteration: readonly number[];
  /** Scope that it belongs to. */
  scope: string;
  readonly undo: Undo;
  /** The step's own input and output. */
  readonly context: Json;
  readonly artifacts: readonly string[];
  readonly bytes: number;
  /** Attempts begun, and when the last one was, epoch ms. */
  attempt: number;
  attemptAt: number;
  /** Set while the next attempt waits, epoch ms. */
  retryAt?: number;
}

export interface ForEachFrame extends StepFrame {
  readonly k: 'forEach';
  readonly items: readonly Json[];
  index: number;
  readonly results: Json[];
  /** Bytes that items and results hold. */
  bytes: number;
}

/** control.forEach with concurrency over 1. */
export interface FanOutFrame extends StepFrame {
  readonly k: 'fanOut';
  readonly items: readonly Json[];
  next: number;
  readonly results: Json[];
  /** Lanes that were started and have not been merged, by item index. */
  readonly lanes: Record<string, LaneState>;
  /** Set by the first lane whose end decides the step's: nothing is started any more. */
  decided?: number;
  bytes: number;
}

export interface WhileFrame extends StepFrame {
  readonly k: 'while';
  /** Iterations begun. */
  n: number;
}

export interface TryFrame extends StepFrame {
  readonly k: 'try';
  phase: 'try' | 'catch' | 'finally';
  /** What the catch branch sees. */
  error?: RunError;
  retryable?: boolean;
  /** What happens after `finally`. */
  pending?: Completion;
}

/** control.parallel and control.race. */
export interface JoinFrame extends StepFrame {
  readonly k: 'join';
  /** Branch names in the author's order. */
  readonly names: readonly string[];
  readonly lanes: LaneState[];
  /** The lane whose end decided the step. */
  decided?: number;
  /** The lane that failed last. */
  lastFailed?: number;
}

interface AttemptFrame extends StepFrame {
  readonly input: Json;
  attempt: number;
  attemptAt: number;
  /** Set while the next attempt waits, epoch ms. */
  retryAt?: number;
  readonly bytes: number;
}

export interface ActionFrame extends AttemptFrame {
  readonly k: 'action';
  readonly key: string;
  /** An attempt was handed to a worker: it may have had an effect. */
  acted?: true;
  /** Ids of what its failed attempts had made. */
  made?: string[];
  /** How the step can be undone, once it is on the saga stack. */
  undo?: Undo;
}

export interface ChildFrame extends AttemptFrame {
  readonly k: 'child';
}

/** `since` of a wait that names no time to look back. */
export const SINCE_THE_RUN_BEGAN = 0;

export interface EventWaitFrame extends StepFrame {
  readonly k: 'eventWait';
  /** Order of opening in the run: one event goes to the wait that was opened first. */
  readonly order: number;
  readonly names: readonly string[];
  /** null: the wait has no key, and takes any event of its names that this run is sent. */
  readonly key: string | null;
  readonly filters: readonly EventFilter[];
  /** Of the key and the filters. */
  readonly bytes: number;
  /** Events received before this are not taken, epoch ms, or SINCE_THE_RUN_BEGAN. */
  readonly since: number;
  readonly deadline?: number;
  /** The event that satisfied it. It stands here, so a continue-as-new between the two loses nothing. */
  matched?: BufferedEvent;
}

export interface TimerFrame extends StepFrame {
  readonly k: 'timer';
  readonly until: number;
}

export type Frame =
  | BlockFrame
  | ScopeFrame
  | UndoFrame
  | ForEachFrame
  | FanOutFrame
  | WhileFrame
  | TryFrame
  | JoinFrame
  | ActionFrame
  | ChildFrame
  | EventWaitFrame
  | TimerFrame;

/** What a lane wrote since it began, in order; applied to its parent at the join. */
export type Write = { readonly p: readonly string[]; readonly v: Json } | { readonly state: string };

export interface LaneState {
  readonly frames: Frame[];
  /** The last event that matched in this lane; absent: that of the lane around it. */
  event?: Json;
  writes: Write[];
  /** Item index, for a lane of a fan-out. */
  readonly item?: number;
  /** Set when the lane has ended. */
  end?: Completion;
}

/** An event in the buffer, normalised. */
export interface BufferedEvent {
  readonly event: EventSignal;
  /** When it was received, epoch ms. */
  readonly at: number;
  readonly bytes: number;
}

/** Rewinds, as a run's state holds them. */
interface RewindState {
  /** In force; absent: none has taken effect. */
  current?: Generation;
  /** Those whose step has not begun since. */
  waiting: (Generation & { readonly step: string; readonly iteration: readonly number[] })[];
  /** How many the run was told of. */
  count: number;
  /** Ids of all of them, in the order in which they were told. */
  readonly known: string[];
  /** When the last one was, epoch ms: the time of the whole run counts from there. */
  at: number;
}

export interface RunState {
  /** Version of the interpreter's semantics: what the same definition does never changes in a running run. */
  readonly semantics: number;
  readonly prepared: Omit<PreparedRun, 'payload'>;
  readonly start: StartMemo;
  readonly startedAt: number;
  status: RunStatus;
  stateName: string | null;
  vars: JsonObject;
  readonly root: LaneState;
  seq: number;
  wave: number;
  /** Events that no completed activity has carried. */
  pending: RunEvent[];
  /** The saga stack, oldest first; absent: nothing was ever pushed. */
  saga?: SagaEntry[];
  readonly buffer: BufferedEvent[];
  /** Hashes of source + id of events seen, oldest first. */
  readonly seen: string[];
  waitOrder: number;
  /** Rewinds that the run was told of; absent: none. */
  rewinds?: RewindState;
  /** Events published so far; absent: none. */
  published?: number;
  /** Hashed keys that the search attribute holds. */
  keys: string[];
  /** The newest lines of progress. */
  recent: ProgressLine[];
  counts: { running: number; succeeded: number; failed: number };
}

/** All frames of a lane and of the lanes inside it that have not ended. */
export function openFrames(lane: LaneState): Frame[] {
  if (lane.end !== undefined) return [];
  return lane.frames.flatMap((frame) =>
    frame.k === 'join' || frame.k === 'fanOut'
      ? [frame, ...Object.values(frame.lanes).flatMap(openFrames)]
      : [frame],
  );
}

/** From when on a wait takes events, epoch ms. @param startedAt when its run began */
export function looksBackTo({ since }: Pick<EventWaitFrame, 'since'>, startedAt: number): number {
  return since === SINCE_THE_RUN_BEGAN ? startedAt : Math.max(0, since);
}
