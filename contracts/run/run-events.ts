/**
 * Run events: the log of a run, authored and numbered by its workflow only.
 *
 * Invariants
 * - `seq` starts at 1 and is contiguous over the whole run, continue-as-new included.
 * - An event's content never changes once it has a number; committing it twice is a no-op.
 * - The derived tables (run, step, wait) are a function of the log: a comment below says what each type does
 *   to them. `projections/` has the only implementation of that function.
 *
 * On the wire (an activity's input) an event is as small as possible, because it stays in Temporal's history:
 * keys without a value are absent, times are epoch milliseconds.
 */
import { z } from 'zod';
import { RunError } from '../errors.js';
import { JsonValue } from '../json.js';
import { CompensationRequest, Compensation } from './compensation.js';
import { ReconciledData, SnapshotData } from './picture.js';
import { DefinitionPin, RunRef, SystemContext, WaitKind } from './run.js';

const ms = z.number().int();
const json = JsonValue;

/**
 * An event that a step published. It is a part of the run event that ends the step, so that neither commits
 * without the other.
 */
const PublishedEvent = z.object({
  /** From 1 in each run, without gaps: the relay keeps this order. */
  position: z.number().int().positive(),
  /** Equal when the step repeats after a reset. */
  eventId: z.string(),
  eventName: z.string(),
  correlationKey: z.string().nullable(),
  payload: json,
  /** How many runs of the chain were started by events, this one included; absent: none. */
  chain: z.number().int().positive().optional(),
});
export type PublishedEvent = z.infer<typeof PublishedEvent>;

/** Data of each event type; its comment says which rows it changes. */
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
    /** The run that this one re-runs; absent: this run is not a re-run. */
    rerunOf: RunRef.optional(),
    trigger: json.nullable(),
    correlationKeys: z.array(z.string()),
  }),
  /** run: WAITING. Every lane waits. A lane that runs a step does not wait. */
  RUN_WAITING: z.object({}),
  /** run: RUNNING. A wait or the compensation of a scope has ended, and the run goes on. */
  RUN_RESUMED: z.object({}),
  /**
   * run: COMPENSATING. A compensation scope failed or was cancelled, and its steps are compensated. `scope`
   * null: the scope of the whole run.
   */
  RUN_COMPENSATING: z.object({ scope: z.string().nullable(), steps: z.number().int() }),
  /** run: `state`. */
  STATE_SET: z.object({ state: z.string() }),
  /**
   * run: current execution. The first event after a continue-as-new. No version emits the reason `state`; the
   * schema still accepts it, so that a stored row can never fail to parse.
   */
  RUN_CONTINUED: z.object({
    reason: z.enum(['suggested', 'history', 'local-steps', 'state']),
    previous: z.string(),
  }),
  /**
   * Log only: the run was rewound to a step, from which on it repeats its work. The first event of the
   * execution that goes on from there, so that it supersedes what came after that step.
   */
  RUN_REWOUND: z.object({
    /** Id of the rewind, which idempotency keys end with from now on. */
    generation: z.string(),
    step: z.string(),
    iteration: z.array(z.number().int()),
    /** The execution that was reset. */
    previous: z.string(),
    reason: z.string().optional(),
    actor: z.string().optional(),
  }),
  /** run: a cancellation was requested. The run is RUNNING while it cleans up. */
  RUN_CANCEL_REQUESTED: z.object({
    reason: z.string().optional(),
    /** Who asked; absent: another Temporal client. */
    actor: z.string().optional(),
  }),
  /** run: SUCCEEDED, `result`, `endedAt`. */
  RUN_SUCCEEDED: z.object({ result: json }),
  /** run: FAILED, `error`, `endedAt`; created if it was refused before it began, and then its only event. */
  RUN_FAILED: z.object({ error: RunError }),
  /** run: CANCELED, `endedAt`. */
  RUN_CANCELED: z.object({}),

  /** step: created, RUNNING. A step that ends at once has no start event: its end says when it began. */
  STEP_STARTED: z.object({
    id: z.string(),
    kind: z.string(),
    name: z.string().optional(),
    action: z.string().optional(),
    actionVersion: z.number().int().optional(),
    key: z.string().optional(),
    /** For a compensation: the path of the step that it undoes. */
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
    /** For an event.publish. */
    publish: PublishedEvent.optional(),
    undo: Compensation.optional(),
  }),
  /** step: FAILED (`continued`: its onError let the run go on); created if it had no start. */
  STEP_FAILED: z.object({
    id: z.string(),
    kind: z.string(),
    startedAt: ms.optional(),
    error: RunError,
    continued: z.boolean().optional(),
    undo: Compensation.optional(),
  }),
  /** step: this attempt is RETRYING (closed); the next attempt is a separate row, due at `nextAt`. */
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
    undo: Compensation.optional(),
  }),
  /** dead_letter: created. A compensation has failed for good; the effects of its step remain. */
  COMPENSATION_FAILED: z.object({ request: CompensationRequest, error: RunError }),

  /** wait: created, WAITING; step: WAITING. */
  WAIT_OPENED: z.object({
    kind: WaitKind,
    eventNames: z.array(z.string()).optional(),
    correlationKey: z.string().nullable().optional(),
    filters: json.optional(),
    /** Absent: the wait has no limit. */
    deadline: ms.optional(),
    /** The wait does not accept events received before this. */
    since: ms.optional(),
    /** True: the run's buffer has little room, so a look-back sends only what the wait takes. */
    full: z.boolean().optional(),
    /** For a child wait. */
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
    /** Who sent it; absent: another Temporal client, or a source without tokens. */
    actor: z.string().optional(),
  }),
  /**
   * The run keeps an event no longer, and why. `returned`: it is in its audit row, and the next wait for it
   * gets it; with `again`, one that is open may get it too. `event`: it has no audit row, and becomes a dead
   * letter (dead_letter: created); without its payload (`omitted`) if that is over 1 MiB. Otherwise log only.
   */
  EVENT_DROPPED: z.object({
    eventId: z.string(),
    source: z.string(),
    eventName: z.string(),
    reason: z.enum(['duplicate', 'buffer_full', 'too_large', 'other_run']),
    returned: z.boolean().optional(),
    event: json.optional(),
    /**
     * True: a look-back is due now. The event came without its payload (`too_large`), or was to satisfy a
     * wait while others were left.
     */
    again: z.boolean().optional(),
  }),
  /** Log only: the run ignored a signal that does not parse. */
  SIGNAL_REJECTED: z.object({ signal: z.string(), reason: z.string() }),
  /**
   * run: `status`, `state`; each open step and wait: created if it was missing, and open. So rows that had
   * ended are open again after a reset. Answers the signal `resync`.
   */
  SNAPSHOT: SnapshotData,
  /**
   * run: `status` as Temporal closed it, `endedAt`; open steps and waits: CANCELED. The only event that the
   * reconciler writes and no workflow does: it follows the last event of a run that writes nothing more. A
   * workflow event that arrives later replaces it.
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
  /** The batch in which an activity first got the event: one wave travels together. */
  readonly wave: number;
  /** Path of the step in the definition; absent for events of the run itself. */
  readonly stepPath?: string;
  /** Loop indexes around the step, outermost first; absent outside loops. */
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

/** Parses an event from an activity's input or a database row. */
export const RunEvent = z.discriminatedUnion(
  'type',
  RUN_EVENT_TYPES.map((type) =>
    z.object({ ...base, type: z.literal(type), data: RUN_EVENT_DATA[type] }),
  ) as never,
) as unknown as z.ZodType<RunEvent>;
