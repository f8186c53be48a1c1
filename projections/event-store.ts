/** The reads and writes of the event bridge, bound to one database. */
import type { Json } from '../contracts/json.js';
import { explainEvent, type ExplainedEvent } from './reads/events/explain-event.js';
import type { EventConflict, EventKey } from './reads/events/event-rows.js';
import { listInbound, type InboundFilter, type InboundSummary } from './reads/events/list-inbound.js';
import { dueOutbox, type DueOutbox, type OutboxRow } from './reads/events/due-outbox.js';
import type { Page, PageRequest } from './connection/page.js';
import type { Batch, Cursor } from './connection/read.js';
import {
  envelopeOf,
  isKnownTenant,
  triggersFor,
  unfinishedEvents,
  type TriggerRow,
  type UnfinishedEvent,
} from './reads/events/routing.js';
import { triggerRetries, type TriggerRetry } from './reads/events/trigger-retries.js';
import { receivedLongAgo, type SentEvent, wasReceived } from './reads/events/run-answers.js';
import { finishEvent, type FinishedEvent } from './writers/events/finish-event.js';
import { noteConflict } from './writers/events/note-conflict.js';
import { recordEvent, type ArrivedEvent, type RecordedEvent } from './writers/events/record-event.js';
import { finishRetry, type FinishedRetry } from './writers/events/retry-trigger.js';
import { settleOutbox, type OutboxSettlement } from './writers/events/settle-outbox.js';
import { takeRelayLease } from './writers/events/take-relay-lease.js';
import type { Writer } from './connection/writer.js';

export interface EventStore {
  /** Records the audit row of an event and the runs proposed for it, in one transaction. */
  record(arrived: ArrivedEvent): Promise<RecordedEvent>;
  /** Notes on an event's row that another one came under its id, and was refused. */
  noteConflict(event: EventKey, conflict: EventConflict): Promise<void>;
  /** Records the outcome of the routing. */
  finish(event: EventKey, finished: FinishedEvent): Promise<void>;
  /** Triggers that failed and that a bridge has to fire again, page by page. */
  triggerRetries(limit: number, after?: Cursor): Promise<Batch<TriggerRetry>>;
  /** Records the outcome of such a retry, and settles its dead letter. */
  finishRetry(retry: TriggerRetry, finished: FinishedRetry): Promise<void>;
  /** Event triggers of the latest versions, by name of the event. */
  triggers(tenant: string, eventName: string): Promise<readonly TriggerRow[]>;
  /** Events that were recorded before a time and whose routing has not ended, oldest first, page by page. */
  unfinished(before: Date, limit: number, after?: Cursor): Promise<Batch<UnfinishedEvent>>;
  /** The envelope as it was received. */
  envelope(event: EventKey): Promise<Json | undefined>;
  /** Whether the log of the run says that the run received the event. */
  wasReceived(event: EventKey, runId: string): Promise<boolean>;
  /** Of events that the run may have been sent before: those that it received and may have forgotten. */
  receivedLongAgo(
    run: { readonly tenant: string; readonly runId: string },
    sent: readonly SentEvent[],
    lines?: number,
  ): Promise<ReadonlySet<string>>;
  /** Whether any definition of the tenant is published. */
  isKnownTenant(tenant: string): Promise<boolean>;
  /** Newest first. */
  list(tenant: string, filter: InboundFilter, page: PageRequest): Promise<Page<InboundSummary>>;
  /** Everything that is known about one event; undefined for an unknown event. */
  explain(event: EventKey): Promise<ExplainedEvent | undefined>;
  /** The events that the relay has to send, in the order of each run. */
  dueOutbox(after: Cursor | undefined, limit: number): Promise<DueOutbox>;
  /** Notes that a row was sent, could not be sent, or never will be. */
  settleOutbox(row: Pick<OutboxRow, 'key'>, settlement: OutboxSettlement): Promise<void>;
  /**
   * Takes the lease of the one relay that sends.
   * @param forMs how long the lease lasts from now, ms, on the database's clock; 0 gives it up
   * @returns false where another relay holds the lease
   */
  takeRelayLease(holder: string, forMs: number): Promise<boolean>;
}

/** Binds them to a database. */
export function createEventStore(writer: Writer): EventStore {
  const { database } = writer;
  return {
    record: (...args) => recordEvent(writer, ...args),
    noteConflict: (...args) => noteConflict(writer, ...args),
    finish: (...args) => finishEvent(writer, ...args),
    triggerRetries: (...args) => triggerRetries(database, ...args),
    finishRetry: (...args) => finishRetry(writer, ...args),
    triggers: (...args) => triggersFor(database, ...args),
    unfinished: (...args) => unfinishedEvents(database, ...args),
    envelope: (...args) => envelopeOf(database, ...args),
    wasReceived: (...args) => wasReceived(database, ...args),
    receivedLongAgo: (...args) => receivedLongAgo(database, ...args),
    isKnownTenant: (...args) => isKnownTenant(database, ...args),
    list: (...args) => listInbound(database, ...args),
    explain: (...args) => explainEvent(database, ...args),
    dueOutbox: (...args) => dueOutbox(database, ...args),
    settleOutbox: (...args) => settleOutbox(writer, ...args),
    takeRelayLease: (...args) => takeRelayLease(writer, ...args),
  };
}
