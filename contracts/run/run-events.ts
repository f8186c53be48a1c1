/**
 * Run events: the log of a run, authored and numbered by its workflow only.
 *
 * Invariants
 * - `seq` starts at 1 and is contiguous over the whole run, continue-as-new included.
 * - An event's content never changes once it has a number; committing it twice is a no-op.
 * - The derived tables (run, step, wait) are a function of the log: what each type does to them stands
 *   beside it below. `projections/` has the one implementation of that function.
 *
 * On the wire (an activity's input) an event is as small as it can be, because it stays in Temporal's
 * history: absent keys are absent, times are epoch milliseconds.
 */
import { z } from 'zod';
import { RunError } from '../errors.js';
import { JsonValue } from '../json.js';
import { CompensationRequest, Undo } from './compensation.js';
import { ReconciledData, SnapshotData } from './picture.js';
import { DefinitionPin, RunRef, SystemContext, WaitKind } from './run.js';

const ms = z.number().int();
const json = JsonValue;

/**
 * An event that a step published. It travels in the very event that ends the step, so that neither is committed
 * without the other.
 */
const PublishedEvent = z.object({
  /** From 1 in each run, without a gap: the relay keeps this order. */
  position: z.number().int().positive(),
  /** The same when the step is done again after a reset. */
  eventId: z.string(),
  eventName: z.string(),
  correlationKey: z.string().nullable(),
  payload: json,
});
export type PublishedEvent = z.infer<typeof PublishedEvent>;

/** Data of each event type; the comment says which rows it changes. */
export const RUN_EVENT_DATA = {
  /** run: created, RUNNING. The first event of every run. */
  RUN_STARTED: z.object({
    definition: DefinitionPin,
    semantics: z.number().int(),
    workflowId: z.string(),
    actor: z.string(),
    system: SystemContext,
    payload: json,
    parent: RunRef.nullable(),
    root: RunRef.nullable(),
    /** Of a re-run; absent: it is none. */
    rerunOf: RunRef.optional(),
    trigger: json.nullable(),
    correlationKeys: z.array(z.string()),
  }),
  /** run: WAITING. Every lane waits; a step is not one. */
  RUN_WAITING: z.object({}),
  /** run: RUNNING. A wait has ended, or a scope of compensation has, and the run goes on. */
  RUN_RESUMED: z.object({}),
  /** run: COMPENSATING. A scope failed or was cancelled, and what it did is undone; `scope` null: the run's own. */
  RUN_COMPENSATING: z.object({ scope: z.string().nullable(), steps: z.number().int() }),
  /** run: `state`. */
  STATE_SET: z.object({ state: z.string() }),
  /** run: current execution. The first event after a continue-as-new. */
  RUN_CONTINUED: z.object({
    reason: z.enum(['suggested', 'history', 'local-steps', 'state']),
    previous: z.string(),
  }),
  /**
   * Log only: the run was taken back to a step, from which on it does things again. The first event of the execution
   * that goes on from there, so that it supersedes what came after that step.
   */
  RUN_REWOUND: z.object({
    /** What the idempotency keys have in addition since. */
    generation: z.string(),
    step: z.string(),
    iteration: z.array(z.number().int()),
    /** The execution that was reset. */
    previous: z.string(),
    reason: z.string().optional(),
    actor: z.string().optional(),
  }),
  /** run: a cancellation was requested; the run is still RUNNING while it cleans up. */
  RUN_CANCEL_REQUESTED: z.object({ reason: z.string().optional() }),
  /** run: SUCCEEDED, `result`, `endedAt`. */
  RUN_SUCCEEDED: z.object({ result: json }),
  /** run: FAILED, `error`, `endedAt`. */
  RUN_FAILED: z.object({ error: RunError }),
  /** run: CANCELED, `endedAt`. */
  RUN_CANCELED: z.object({}),

  /** step: created, RUNNING. Steps that end at once have no start event: their end says when they began. */
  STEP_STARTED: z.object({
    id: z.string(),
    kind: z.string(),
    name: z.string().optional(),
    action: z.string().optional(),
    actionVersion: z.number().int().optional(),
    key: z.string().optional(),
    /** Of a compensation: path of the step that it undoes. */
    undoes: z.string().optional(),
    /** Summary of the input, redacted and cut. */
    input: json.optional(),
  }),
  /** step: SUCCEEDED; created if it had no start. */
  STEP_SUCCEEDED: z.object({
    id: z.string(),
    kind: z.string(),
    startedAt: ms.optional(),
    output: json.optional(),
    /** Of an event.publish. */
    publish: PublishedEvent.optional(),
    undo: Undo.optional(),
  }),
  /** step: FAILED (`continued`: its onError let the run go on); created if it had no start. */
  STEP_FAILED: z.object({
    id: z.string(),
    kind: z.string(),
    startedAt: ms.optional(),
    error: RunError,
    continued: z.boolean().optional(),
    undo: Undo.optional(),
  }),
  /** step: this attempt is RETRYING (closed); the next attempt is a row of its own, due at `nextAt`. */
  STEP_RETRYING: z.object({
    id: z.string(),
    kind: z.string(),
    startedAt: ms.optional(),
    error: RunError,
    nextAt: ms,
  }),
  /** step: SKIPPED (`when` was false). */
  STEP_SKIPPED: z.object({ id: z.string(), kind: z.string() }),
  /** step: CANCELED; created if it had no start. */
  STEP_CANCELED: z.object({
    id: z.string(),
    kind: z.string(),
    startedAt: ms.optional(),
    undo: Undo.optional(),
  }),
  /** dead_letter: created. A compensation has failed for good; what it was to undo stands. */
  COMPENSATION_FAILED: z.object({ request: CompensationRequest, error: RunError }),

  /** wait: created, WAITING; step: WAITING. */
  WAIT_OPENED: z.object({
    kind: WaitKind,
    eventNames: z.array(z.string()).optional(),
    correlationKey: z.string().nullable().optional(),
    filters: json.optional(),
    /** Absent: for ever. */
    deadline: ms.optional(),
    /** Events received before this are not taken. */
    since: ms.optional(),
    /** Of a child wait. */
    child: RunRef.partial({ runId: true }).optional(),
  }),
  /** wait: SATISFIED, by which event; step: RUNNING. */
  WAIT_SATISFIED: z.object({
    eventId: z.string().optional(),
    source: z.string().optional(),
    eventName: z.string().optional(),
  }),
  /** wait: TIMED_OUT; step: RUNNING. */
  WAIT_TIMED_OUT: z.object({}),
  /** wait: CANCELED (a race was lost, a lane cancelled, the run ended); step: RUNNING. */
  WAIT_CANCELED: z.object({ reason: z.string() }),

  /** Log only: a child workflow was started for this step. */
  CHILD_STARTED: z.object({
    workflowId: z.string(),
    runId: z.string(),
    definition: z.string(),
    version: z.number().int().optional(),
    detached: z.boolean(),
  }),
  /** Log only: an event came in. */
  EVENT_RECEIVED: z.object({
    eventId: z.string(),
    source: z.string(),
    eventName: z.string(),
    correlationKey: z.string().nullable(),
  }),
  /** Log only: an event was not kept, and why. */
  EVENT_DROPPED: z.object({
    eventId: z.string(),
    source: z.string(),
    eventName: z.string(),
    reason: z.enum(['duplicate', 'buffer_full', 'too_large', 'other_run']),
  }),
  /** Log only: a signal that could not be understood was ignored. */
  SIGNAL_REJECTED: z.object({ signal: z.string(), reason: z.string() }),
  /**
   * run: `status`, `state`; each open step and wait: created if it was missing, and open. After a reset, rows that
   * had ended are so alive again. Answers the signal `resync`.
   */
  SNAPSHOT: SnapshotData,
  /**
   * run: `status` as Temporal closed it, `endedAt`; what was open is CANCELED. The only event that no workflow has
   * authored: the reconciler's, after the last one of a run that writes nothing more. It gives way to any event of
   * the workflow's own that comes after all.
   */
  RUN_RECONCILED: ReconciledData,
} as const;

export type RunEventType = keyof typeof RUN_EVENT_DATA;
export type RunEventData<T extends RunEventType> = z.infer<(typeof RUN_EVENT_DATA)[T]>;

/** Names of all event types. */
const RUN_EVENT_TYPES = Object.keys(RUN_EVENT_DATA) as readonly RunEventType[];

interface RunEventBase {
  readonly seq: number;
  /** Epoch ms of workflow time. */
  readonly at: number;
  /** The batch in which the event was first handed to an activity: events of one wave travelled together. */
  readonly wave: number;
  /** Where the step stands in the definition; absent for events of the run itself. */
  readonly stepPath?: string;
  /** Loop indexes around the step, outermost first; absent: none. */
  readonly iteration?: readonly number[];
  /** From 1; absent: 1. */
  readonly attempt?: number;
}

/** A run event, with its data by type. */
export type RunEvent = {
  [T in RunEventType]: RunEventBase & { readonly type: T; readonly data: RunEventData<T> };
}[RunEventType];

const base = {
  seq: z.number().int().positive(),
  at: ms,
  wave: z.number().int().nonnegative(),
  stepPath: z.string().optional(),
  iteration: z.array(z.number().int()).optional(),
  attempt: z.number().int().positive().optional(),
};

/** Parses one event of outside data (an activity's input, a database row). */
export const RunEvent = z.discriminatedUnion(
  'type',
  RUN_EVENT_TYPES.map((type) =>
    z.object({ ...base, type: z.literal(type), data: RUN_EVENT_DATA[type] }),
  ) as never,
) as unknown as z.ZodType<RunEvent>;
