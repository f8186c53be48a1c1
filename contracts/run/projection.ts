/**
 * What `activities/` needs from `projections/`. Each method that writes is one idempotent transaction and may
 * run late, twice or out of order (each method's comment says what happens then).
 */
import type { Evidence } from '../authorization.js';
import type { DeliveredEvent } from '../inbound-event.js';
import type { Json } from '../json.js';
import type { RunError } from '../errors.js';
import type { CalendarView, PutCalendar } from '../calendar/pinned.js';
import type { DomainWrites } from './action.js';
import type { RunHeader, StepRef } from './activity.js';
import type { DefinitionPin } from './run.js';
import type { RunEvent } from './run-events.js';

/** The Temporal execution that commits something. */
export interface Execution {
  readonly run: RunHeader;
  readonly workflowId: string;
  /** Temporal run id of the current execution. */
  readonly executionId: string;
}

/** One use of an action, as the ledger records it. */
export interface Invocation {
  readonly idempotencyKey: string;
  readonly action: string;
  readonly actionVersion: number;
  readonly step: StepRef;
  /** The input with every secret as `{$secret: NAME}`. */
  readonly input: Json;
  /**
   * True for a `local: true` action: its run events commit later, so its outcome writes only the ledger row
   * and the domain rows. A step row would exist without its run.
   */
  readonly local: boolean;
}

/**
 * Who runs an attempt, and for how long no other worker may take it over. It is a duration: the database adds
 * it to its clock, and compares it there, so that no worker's clock matters.
 */
export interface Lease {
  /** Identity of the worker process and the activity task: unique for each execution of an activity. */
  readonly holder: string;
  /** From the commit on, ms; 0 gives the lease up. */
  readonly forMs: number;
}

export type BeginDecision =
  /** The ledger has no outcome: execute the action. */
  | { readonly kind: 'execute' }
  /** The action succeeded before: return what was recorded. */
  | { readonly kind: 'recorded'; readonly output: Json; readonly artifacts: readonly string[] }
  /** Another holder has the lease for so many ms: try later. */
  | { readonly kind: 'held'; readonly forMs: number }
  /** Of a local action: it began and has not ended, and no worker has its lease. A regular one may run it. */
  | { readonly kind: 'unended' };

export type InvocationOutcome =
  | { readonly status: 'SUCCEEDED'; readonly output: Json; readonly artifacts: readonly string[] }
  | { readonly status: 'FAILED'; readonly error: RunError };

export interface StoredDefinition {
  readonly pin: DefinitionPin;
  readonly source: string;
  readonly format: 'yaml' | 'json';
  readonly publishedAt: string;
  readonly publishedBy: string;
}

/** A wait for events that was just registered. */
export interface OpenedWait {
  /** Step path and iteration, for people. */
  readonly place: string;
  readonly eventNames: readonly string[];
  /** Null: any key fits, of the events that the run had been sent. */
  readonly correlationKey: string | null;
  /** The wait does not accept events received before this, epoch ms. */
  readonly since: number;
  /** As WAIT_OPENED has them; null: they are not known. */
  readonly filters: Json | null;
  /** True: the run's buffer has little room. */
  readonly full: boolean;
}

/** A place in the order of received events: time (epoch ms), source, id. */
export type EventCursor = readonly [at: number, source: string, id: string];

export interface MissedEvent extends DeliveredEvent {
  /** True: it is on its way to the run, or was there already without a note of that. */
  readonly underWay: boolean;
  /** True: the run received it so long ago that it may have forgotten its id. It must not be sent again. */
  readonly received: boolean;
}

/** Some of the events that a run missed, the oldest first. */
export interface MissedPage {
  readonly events: readonly MissedEvent[];
  /** Where the next page begins; undefined: this is the last. */
  readonly next: EventCursor | undefined;
}

/** An event that a run had received and keeps no longer. */
export interface ReturnedEvent {
  readonly source: string;
  readonly id: string;
  /** The run event that says so: `seq` and time (epoch ms). */
  readonly seq: number;
  readonly at: number;
}

/** An action that ended before its begin was recorded. */
export interface EndedInvocation {
  readonly lease: Lease;
  /** When the action began, epoch ms. */
  readonly startedAt: number;
  readonly outcome: InvocationOutcome;
  readonly writes: readonly DomainStatement[];
}

/** How an action ended, and what its transaction writes with the outcome. */
export interface ActionEnd {
  readonly outcome: InvocationOutcome;
  readonly writes: readonly DomainStatement[];
  /** Holder of the attempt's lease: a failure counts only while it holds the lease. */
  readonly holder?: string | undefined;
  /** The policy decision about the action. */
  readonly evidence?: Evidence | undefined;
}

export interface ProjectionStore {
  /** Commits events: the log and every row derived from it. Events already in the log change nothing. */
  commitEvents(execution: Execution, events: readonly RunEvent[]): Promise<void>;
  /** Records a decision about an attempt of a step that calls no action; the last one stays. */
  putEvidence(execution: Execution, step: StepRef, evidence: Evidence): Promise<void>;
  /**
   * Before an action acts: commits the pending events and, if the ledger allows the action to execute, its
   * row as STARTED under the lease. One transaction.
   */
  beginAction(
    execution: Execution,
    events: readonly RunEvent[],
    invocation: Invocation,
    lease: Lease,
  ): Promise<BeginDecision>;
  /**
   * Records begin and end of an action in one transaction, after it acted: for an action that changes nothing
   * except through its writes.
   * @returns as `beginAction`. `execute`: this outcome is recorded. Otherwise nothing of it is, because the
   *   key has a recorded success, or because another worker runs the action.
   */
  recordAction(
    execution: Execution,
    events: readonly RunEvent[],
    invocation: Invocation,
    ended: EndedInvocation,
  ): Promise<BeginDecision>;
  /**
   * Renews a lease while a long action runs. A duration of 0 gives the lease up.
   * @returns false if another holder has the lease by now
   */
  renewLease(tenant: string, idempotencyKey: string, lease: Lease): Promise<boolean>;
  /**
   * After an action acted: commits the domain writes, the ledger row with its outcome, and the step's outcome
   * in one transaction. A step row that a workflow event has closed stays as it is. The first success
   * recorded for a key wins; a repetition changes nothing and applies no domain write again.
   */
  finishAction(execution: Execution, invocation: Invocation, end: ActionEnd): Promise<void>;
  /**
   * Events that came before these waits were registered and that were not sent to the run, or that the run
   * has returned; the oldest first. Call it after the commit that registers the waits.
   * @param after `next` of the page before
   */
  missedEvents(
    run: Pick<RunHeader, 'tenant' | 'runId'>,
    waits: readonly OpenedWait[],
    after?: EventCursor,
  ): Promise<MissedPage>;
  /** The waits of a run that opened after that run event, and are still open. */
  waitsOpenedAfter(run: Pick<RunHeader, 'tenant' | 'runId'>, seq: number): Promise<readonly OpenedWait[]>;
  /**
   * Records in the events' audit rows that they are sent to the run: before that (`sending`), and after it
   * (`sent`). What the run has returned in between stays returned.
   * @param sender the same in both calls; another one for every other look-back
   */
  recordMissed(
    execution: Execution,
    missed: {
      readonly waits: readonly OpenedWait[];
      readonly events: readonly DeliveredEvent[];
      readonly sender: string;
      readonly step: 'sending' | 'sent';
    },
  ): Promise<void>;
  /** Records that the run keeps these events no longer: the next look-back finds them. */
  returnEvents(execution: Execution, events: readonly ReturnedEvent[]): Promise<void>;
  /** That version of a definition, or the latest. */
  findDefinition(tenant: string, id: string, version?: number): Promise<StoredDefinition | undefined>;
  /**
   * Stores a business calendar as a further version, unless the newest is the same.
   * @returns the newest version from now on
   */
  putCalendar(
    calendar: PutCalendar,
    by: string,
  ): Promise<{ readonly version: number; readonly created: boolean }>;
  /** The newest version of a business calendar. */
  findCalendar(tenant: string, name: string): Promise<CalendarView | undefined>;
  /** Ids of all published definitions of a tenant, sorted, to suggest a similar one for an unknown id. */
  definitionIds(tenant: string): Promise<readonly string[]>;
  /** The versions of a definition, the lowest first, also where it is unpublished; empty: none exists. */
  definitionVersions(tenant: string, id: string): Promise<readonly number[]>;
  /** Whether the database has a definition of any tenant: if not, it is new, or was not restored yet. */
  hasDefinitions(): Promise<boolean>;
  /**
   * Stores a version once: the same hash again changes nothing, a different hash is DEFINITION_CONFLICT.
   * It becomes the latest, and its triggers become the definition's, unless a higher version is published, or
   * another one was promoted and this one is not new.
   * @param definition without an operation: one that has no repetition
   */
  putDefinition(
    tenant: string,
    definition: Omit<StoredDefinition, 'publishedAt'> & { readonly operation?: DefinitionOperation },
    triggers?: DefinitionTriggers,
  ): Promise<PutDefinition>;
  /**
   * Makes a published version the latest, with its triggers, also where higher ones exist.
   * @throws SluiceError DEFINITION_VERSION_NOT_FOUND
   */
  promoteDefinition(
    definition: readonly [tenant: string, id: string],
    version: { readonly version: number; readonly triggers: DefinitionTriggers },
    change: DefinitionChange,
  ): Promise<PromotedDefinition>;
  /** Unpublishes a definition: removes its latest version and its triggers. Its versions stay. */
  unpublishDefinition(tenant: string, id: string, change: DefinitionChange): Promise<UnpublishedDefinition>;
  /** Ids of every Temporal Schedule that a definition has or had, until `putSchedules` notes what is left. */
  definitionSchedules(tenant: string, id: string): Promise<readonly string[]>;
  /**
   * Notes which of a definition's Temporal Schedules an operator has paused.
   * @param seen those that exist now
   * @returns every known pause, also of schedules that do not exist now
   */
  notePauses(
    definition: readonly [tenant: string, id: string],
    seen: readonly SeenSchedule[],
  ): Promise<readonly PausedSchedule[]>;
  /** Every definition of every tenant that has or had Temporal Schedules. */
  scheduledDefinitions(): Promise<readonly ScheduledDefinition[]>;
  /**
   * Notes which Temporal Schedules a definition has, made for that version (0: unpublished). False, and
   * nothing noted, where another version is the latest by now.
   */
  putSchedules(
    definition: readonly [tenant: string, id: string],
    schedules: readonly string[],
    version: number,
  ): Promise<boolean>;
}

/** An event trigger in the index. */
export interface EventTriggerEntry {
  readonly eventName: string;
  /** Its index in the definition's list of triggers. */
  readonly position: number;
  /** Filter and payload mapping of the definition. */
  readonly spec: Json;
}

/** What starts runs of a definition. */
export interface DefinitionTriggers {
  readonly events: readonly EventTriggerEntry[];
  /** Ids of its Temporal Schedules. */
  readonly schedules: readonly string[];
}

/** A change of the version that a start takes. */
export interface DefinitionOperation {
  /** When it began: the same for each of its attempts. */
  readonly at: Date;
  /** Its id: the same for each of its attempts. */
  readonly operation: string;
}

/** A change, and who makes it. */
export interface DefinitionChange extends DefinitionOperation {
  readonly by: string;
}

export interface PromotedDefinition {
  /** The version that a start took before; null: the definition was unpublished. */
  readonly was: number | null;
}

export interface PutDefinition {
  readonly created: boolean;
  /** False: another version is the latest, and its triggers stay. */
  readonly latest: boolean;
  /** The version that a start takes from now on; null: none. */
  readonly taken: number | null;
  /** Every schedule that the definition has or had, until `putSchedules` records which are left. */
  readonly schedules: readonly string[];
}

/** A Temporal Schedule that an operator has paused. */
export interface PausedSchedule {
  readonly id: string;
  readonly note: string | null;
}

/** A Temporal Schedule that exists. */
export interface SeenSchedule extends PausedSchedule {
  readonly paused: boolean;
}

export interface UnpublishedDefinition {
  /** False: the definition was not published. */
  readonly found: boolean;
  readonly schedules: readonly string[];
}

export interface DomainStatement {
  readonly label: string;
  readonly statement: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** Collects domain statements in the order in which an action adds them. */
export function collectWrites(): {
  readonly writes: DomainWrites;
  readonly statements: readonly DomainStatement[];
} {
  const statements: DomainStatement[] = [];
  return {
    statements,
    writes: {
      add(label, statement, variables = {}) {
        statements.push({ label, statement, variables });
      },
    },
  };
}

/** A definition that has or had Temporal Schedules. */
export interface ScheduledDefinition {
  readonly tenant: string;
  readonly id: string;
  /** Their ids. */
  readonly schedules: readonly string[];
}
