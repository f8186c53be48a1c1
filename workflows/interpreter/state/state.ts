/**
 * What a run is between two of its steps: plain JSON, so that it survives continue-as-new as it is.
 *
 * Single letters (`k`, `t`, `i`, `n`, `p`, `v`) and old words (`saga`, `undo`, `scope`) stay as keys: they
 * are bytes of the state that running runs carry into their next execution.
 *
 * A lane is one line of control. Its frames are a stack: block frames walk a list of steps, every other
 * frame belongs to the step that holds the block above it. A frame that waits for something
 * (a timer, an event, a retry, lanes) holds all that another execution needs to go on waiting.
 *
 * Nothing here is derived: lexical names, `error` and the iteration are read off the frames, so a frame
 * that ends takes its names with it (loop-names-end-with-the-loop), and no step has to restore an evaluation
 * scope.
 */
import type { EventFilter } from '../../../contracts/events/filters.js';
import type { RunError } from '../../../contracts/errors.js';
import type { Json, JsonObject } from '../../../contracts/json.js';
import type { PreparedRun } from '../../../contracts/run/activity.js';
import type { Compensation } from '../../../contracts/run/compensation.js';
import type { EventSignal, ProgressLine, StartMemo } from '../../../contracts/run/messages.js';
import type { PublishedEvent, RunEvent } from '../../../contracts/run/run-events.js';
import type { RunStatus } from '../../../contracts/run/run.js';
import type { TaskReport } from '../../../contracts/tasks/of-run.js';
import type { Generation } from '../../../contracts/run/rewind.js';

/** How a step, a block or a lane ended. */
export type Completion =
  | { readonly t: 'normal'; readonly output?: Json; readonly publish?: PublishedEvent }
  | { readonly t: 'error'; readonly error: RunError; readonly retryable: boolean }
  | { readonly t: 'return'; readonly value: Json }
  | { readonly t: 'break' }
  | { readonly t: 'continue' }
  | { readonly t: 'cancel' };

/** A step or a block ended with nothing to report. */
export const NORMAL: Completion = { t: 'normal' };

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

/** control.if, control.switch, control.saga: the step runs one block and nothing else. */
export interface SingleBlockFrame extends StepFrame {
  readonly k: 'scope';
  /** Of a control.saga: the names of its compensation scope and of the one around it. */
  readonly saga?: { readonly scope: string; readonly outer: string };
}

/** Runs the compensations of a compensation scope; `path` is that of its control.saga, '' for the run. */
export interface CompensationFrame extends StepFrame {
  readonly k: 'undo';
  readonly scope: string;
  /** How the compensation scope ended, and ends once its compensations have run. */
  readonly pending: Completion;
}

/** An entry of the compensation stack: a completed step that can be compensated. */
export interface CompensationEntry {
  readonly path: string;
  readonly id: string;
  readonly iteration: readonly number[];
  /** Name of the compensation scope that the entry belongs to. */
  scope: string;
  readonly undo: Compensation;
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
  /** The index of the lane whose end decides how the step ends; once set, no further lane starts. */
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
  /** The error that the catch branch sees. */
  error?: RunError;
  retryable?: boolean;
  /** How the step ends after `finally`. */
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
  /** Set once an attempt was handed to a worker: it may have had an effect. */
  acted?: true;
  /** Ids of the artifacts that its failed attempts had made. */
  made?: string[];
  /** How to compensate the step, once it is on the compensation stack. */
  undo?: Compensation;
}

export interface ChildFrame extends AttemptFrame {
  readonly k: 'child';
}

/** `since` of a wait that does not limit how far it looks back. */
export const SINCE_THE_RUN_BEGAN = 0;

export interface EventWaitFrame extends StepFrame {
  readonly k: 'eventWait';
  /** Order of opening in the run: one event goes to the wait that was opened first. */
  readonly order: number;
  readonly names: readonly string[];
  /** null: the wait has no key, and takes any event of its names that is sent to this run. */
  readonly key: string | null;
  readonly filters: readonly EventFilter[];
  /** Bytes of the key and the filters. */
  readonly bytes: number;
  /** Events received before this are not taken, epoch ms, or SINCE_THE_RUN_BEGAN. */
  readonly since: number;
  readonly deadline?: number;
  /** The event that satisfied the wait. The frame holds it, so a continue-as-new in between loses nothing. */
  matched?: BufferedEvent;
}

export interface TimerFrame extends StepFrame {
  readonly k: 'timer';
  readonly until: number;
}

/** Waits for the policies to permit the event. */
export interface PublishFrame extends StepFrame {
  readonly k: 'publish';
  readonly event: Omit<PublishedEvent, 'position'>;
  readonly bytes: number;
}

/** Waits for people. */
export interface HumanTaskFrame extends StepFrame {
  readonly k: 'humanTask';
  /** The task's name; until it has been opened, the base name of its place. */
  item: string;
  /** What is asked; absent: the task has been opened. */
  request?: Json;
  /** Bytes of the request. */
  bytes: number;
  /** How the task has ended. */
  report?: TaskReport;
}

/** A frame that always has a block frame above it. */
export type ContainerFrame = SingleBlockFrame | ForEachFrame | WhileFrame | TryFrame;

/** A frame on top of its lane that waits for something else than an action. */
export type WaitingFrame =
  | CompensationFrame
  | FanOutFrame
  | JoinFrame
  | ChildFrame
  | EventWaitFrame
  | TimerFrame
  | PublishFrame
  | HumanTaskFrame;

export type Frame = BlockFrame | ActionFrame | ContainerFrame | WaitingFrame;

/** One write of a lane. A lane records its writes in order; the join applies them to the parent lane. */
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

/** An event in the buffer, as the signal's schema parsed it. */
export interface BufferedEvent {
  readonly event: EventSignal;
  /** When it was received, epoch ms. */
  readonly at: number;
  readonly bytes: number;
}

/** The rewinds of a run. */
interface RewindState {
  /** The rewind in force; absent: none has taken effect. */
  current?: Generation;
  /** Rewinds whose step has not begun since. */
  waiting: (Generation & { readonly step: string; readonly iteration: readonly number[] })[];
  /** How many rewinds the run has learned of. */
  count: number;
  /** Ids of all rewinds, in the order in which the run learned of them. */
  readonly known: string[];
  /** When the last rewind happened, epoch ms: the timeout of the whole run counts from there. */
  at: number;
}

export interface RunState {
  /** Version of the interpreter's semantics: a running run keeps the one that it started with. */
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
  /** Run events that no completed activity has committed. */
  pending: RunEvent[];
  /** The compensation stack, oldest first; absent: nothing was ever pushed. */
  saga?: CompensationEntry[];
  readonly buffer: BufferedEvent[];
  /** True: events that have an audit row are left there, and a look-back has to fetch them; absent: none. */
  overflow?: boolean;
  /** Hashes of source + id of events seen, oldest first. */
  readonly seen: string[];
  waitOrder: number;
  /** Absent: the run was never rewound. */
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

/**
 * The earliest time of an event that a wait takes, epoch ms.
 * @param startedAt when the wait's run began, epoch ms
 */
export function looksBackTo({ since }: Pick<EventWaitFrame, 'since'>, startedAt: number): number {
  return since === SINCE_THE_RUN_BEGAN ? startedAt : Math.max(0, since);
}
