/**
 * What `activities/` asks of `projections/`. Each method that writes is one transaction, idempotent, and
 * may run late, twice or out of order (docs of each method say what then happens).
 */
import type { Evidence } from '../authorization.js';
import type { Json } from '../json.js';
import type { RunError } from '../errors.js';
import type { DomainWrites } from './action.js';
import type { RunHeader, StepRef } from './activity.js';
import type { DefinitionPin } from './run.js';
import type { RunEvent } from './run-events.js';

/** Under which Temporal execution something is committed. */
export interface Execution {
  readonly run: RunHeader;
  readonly workflowId: string;
  /** Temporal run id of the current execution, as the activity knows it. */
  readonly executionId: string;
}

/** One use of an action, as the ledger knows it. */
export interface Invocation {
  readonly idempotencyKey: string;
  readonly action: string;
  readonly actionVersion: number;
  readonly step: StepRef;
  /** The input with every secret as `{$secret: NAME}`. */
  readonly input: Json;
  /**
   * True for a `local: true` action: its run events are committed later, so its outcome writes the ledger row
   * and the domain rows only. A step row would stand there without its run.
   */
  readonly local: boolean;
}

/** Who runs an attempt, and until when nobody else may take it over. */
export interface Lease {
  /** Identity of the worker process and of the activity task: unique for each execution of an activity. */
  readonly holder: string;
  /** Epoch ms. */
  readonly until: number;
}

export type BeginDecision =
  /** Nobody did it: go on. */
  | { readonly kind: 'execute' }
  /** It succeeded before: give back what was recorded. */
  | { readonly kind: 'recorded'; readonly output: Json; readonly artifacts: readonly string[] }
  /** Another holder's lease is alive until then (epoch ms): try later. */
  | { readonly kind: 'held'; readonly until: number };

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

/** A wait for events with a key, as it was just registered. */
export interface OpenedWait {
  /** Step path and iteration, for people. */
  readonly place: string;
  readonly eventNames: readonly string[];
  readonly correlationKey: string;
  /** Events received before this are not taken, epoch ms. */
  readonly since: number;
}

/** An event that came before a wait for it was registered. */
export interface MissedEvent {
  readonly source: string;
  readonly eventId: string;
  readonly eventName: string;
  readonly correlationKey: string;
  readonly payload: Json;
  /** ISO instant. */
  readonly receivedAt: string;
}

/** An action that acted before anything of it was recorded. */
export interface EndedInvocation {
  readonly lease: Lease;
  /** When it began, epoch ms. */
  readonly startedAt: number;
  readonly outcome: InvocationOutcome;
  readonly writes: readonly DomainStatement[];
}

export interface ProjectionStore {
  /** Commits events: the log and every row derived from it. Events that are there already change nothing. */
  commitEvents(execution: Execution, events: readonly RunEvent[]): Promise<void>;
  /**
   * Before an action acts: commits the pending events and, where nothing stands against it, the ledger row
   * as STARTED under the lease. One transaction.
   */
  beginAction(
    execution: Execution,
    events: readonly RunEvent[],
    invocation: Invocation,
    lease: Lease,
  ): Promise<BeginDecision>;
  /**
   * Begin and end of an action in one transaction, after it acted: for one that changes nothing but through its writes.
   * @returns as `beginAction` does. `execute`: it is recorded with this outcome. Else nothing of it is, because what
   *   another has recorded under its key stands, or because another is at it.
   */
  recordAction(
    execution: Execution,
    events: readonly RunEvent[],
    invocation: Invocation,
    ended: EndedInvocation,
  ): Promise<BeginDecision>;
  /**
   * Renews a lease while a long action runs; false where another holder has it by now. An `until` that has
   * passed gives the lease up.
   */
  renewLease(tenant: string, idempotencyKey: string, lease: Lease): Promise<boolean>;
  /**
   * After an action acted: domain writes, the ledger row with its outcome, and the step's outcome, in one
   * transaction. A step row that a workflow event has closed stays as it is. The first success recorded for a
   * key wins; a repetition changes nothing and applies no domain write again.
   * @param holder of the lease that `beginAction` was given: a failure counts only while it holds the lease
   * @param evidence why the action was let act, or not; commits with the outcome
   */
  finishAction(
    execution: Execution,
    invocation: Invocation,
    outcome: InvocationOutcome,
    writes: readonly DomainStatement[],
    holder?: string,
    evidence?: Evidence,
  ): Promise<void>;
  /**
   * Events that came before these waits were registered and that the run has not been sent, oldest first. To be
   * asked after the commit that registered the waits.
   */
  missedEvents(tenant: string, runId: string, waits: readonly OpenedWait[]): Promise<readonly MissedEvent[]>;
  /** Notes on the events' audit rows that the run was sent them. */
  recordMissed(
    execution: Execution,
    waits: readonly OpenedWait[],
    events: readonly MissedEvent[],
  ): Promise<void>;
  /** The definition of that version, or the latest one. */
  findDefinition(tenant: string, id: string, version?: number): Promise<StoredDefinition | undefined>;
  /** Ids of all published definitions of a tenant, sorted: to name the near ones of an unknown id. */
  definitionIds(tenant: string): Promise<readonly string[]>;
  /**
   * Stores a version once: the same hash again is no change, another hash is DEFINITION_CONFLICT. Where no higher
   * version is published, it becomes the latest one, and its triggers are those of the definition.
   */
  putDefinition(
    tenant: string,
    definition: Omit<StoredDefinition, 'publishedAt'>,
    triggers?: DefinitionTriggers,
  ): Promise<PutDefinition>;
  /** Takes a definition back: no latest version and no triggers any more. Its versions stay. */
  retireDefinition(tenant: string, id: string): Promise<RetiredDefinition>;
  /** Says which Temporal Schedules a definition has by now. */
  putSchedules(tenant: string, id: string, schedules: readonly string[]): Promise<void>;
}

/** An event trigger in the index. */
export interface EventTriggerEntry {
  readonly eventName: string;
  /** Its place in the definition's list. */
  readonly position: number;
  /** Filter and payload mapping, as the definition has them. */
  readonly spec: Json;
}

/** What starts runs of a definition. */
export interface DefinitionTriggers {
  readonly events: readonly EventTriggerEntry[];
  /** Ids of its Temporal Schedules. */
  readonly schedules: readonly string[];
}

export interface PutDefinition {
  readonly created: boolean;
  /** False: a higher version is published, and its triggers stay. */
  readonly latest: boolean;
  /** Every schedule that the definition has or had, until `putSchedules` says which are left. */
  readonly schedules: readonly string[];
}

export interface RetiredDefinition {
  /** False: there was nothing to take back. */
  readonly found: boolean;
  readonly schedules: readonly string[];
}

export interface DomainStatement {
  readonly label: string;
  readonly statement: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** A collector of domain statements, in the order in which they were added. */
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
