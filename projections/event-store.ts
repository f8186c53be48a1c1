/** The writers and reads of the event bridge, bound to one database. */
import type { Json } from '../contracts/json.js';
import { explainEvent, type ExplainedEvent } from './reads/events/explain-event.js';
import type { EventKey } from './reads/events/event-rows.js';
import { listInbound, type InboundFilter, type InboundSummary } from './reads/events/list-inbound.js';
import { dueOutbox, type OutboxRow } from './reads/events/due-outbox.js';
import type { Page, PageRequest } from './connection/page.js';
import {
  envelopeOf,
  isKnownTenant,
  triggersFor,
  unfinishedEvents,
  type TriggerRow,
  type UnfinishedEvent,
} from './reads/events/routing.js';
import { wasReceived } from './reads/events/run-answers.js';
import { finishEvent, type FinishedEvent } from './writers/events/finish-event.js';
import { recordEvent, type ArrivedEvent, type RecordedEvent } from './writers/events/record-event.js';
import { settleOutbox, type OutboxSettlement } from './writers/events/settle-outbox.js';
import { takeRelayLease } from './writers/events/take-relay-lease.js';
import type { Writer } from './connection/writer.js';

export interface EventStore {
  /** The audit row of an event and the runs proposed for it, in one transaction. */
  record(arrived: ArrivedEvent): Promise<RecordedEvent>;
  /** What came of it. */
  finish(event: EventKey, finished: FinishedEvent): Promise<void>;
  /** Event triggers of the latest versions, by the name of the event. */
  triggers(tenant: string, eventName: string): Promise<readonly TriggerRow[]>;
  /** Recorded before that time and not routed to the end, oldest first, page by page. */
  unfinished(before: Date, limit: number, after?: UnfinishedEvent): Promise<readonly UnfinishedEvent[]>;
  /** The envelope as it was received. */
  envelope(event: EventKey): Promise<Json | undefined>;
  /** True where the log of the run says that it got the event. */
  wasReceived(event: EventKey, runId: string): Promise<boolean>;
  /** True where any definition of the tenant is published. */
  isKnownTenant(tenant: string): Promise<boolean>;
  /** Newest first. */
  list(tenant: string, filter: InboundFilter, page: PageRequest): Promise<Page<InboundSummary>>;
  /** All that is known of one event; undefined: there is none. */
  explain(event: EventKey): Promise<ExplainedEvent | undefined>;
  /** What the relay has to send, in the order of each run. */
  dueOutbox(after: readonly unknown[] | undefined, limit: number): Promise<readonly OutboxRow[]>;
  /** A row has been sent, could not be, or never will be. */
  settleOutbox(row: OutboxRow, settlement: OutboxSettlement): Promise<void>;
  /** False: another relay holds the lease. @param until epoch ms; one that has passed gives it up */
  takeRelayLease(holder: string, now: number, until: number): Promise<boolean>;
}

/** Binds them to a database. */
export function createEventStore(writer: Writer): EventStore {
  const { database } = writer;
  return {
    record: (...args) => recordEvent(writer, ...args),
    finish: (...args) => finishEvent(writer, ...args),
    triggers: (...args) => triggersFor(database, ...args),
    unfinished: (...args) => unfinishedEvents(database, ...args),
    envelope: (...args) => envelopeOf(database, ...args),
    wasReceived: (...args) => wasReceived(database, ...args),
    isKnownTenant: (...args) => isKnownTenant(database, ...args),
    list: (...args) => listInbound(database, ...args),
    explain: (...args) => explainEvent(database, ...args),
    dueOutbox: (...args) => dueOutbox(database, ...args),
    settleOutbox: (...args) => settleOutbox(writer, ...args),
    takeRelayLease: (...args) => takeRelayLease(writer, ...args),
  };
}
