/** SurrealDB: the only room that speaks SurrealQL. docs/projections.md tells what it guarantees. */
export { connect, type Database, type DatabaseOptions } from './connection.js';
export type { EventStore } from './event-store.js';
export type { RowDifference } from './maintenance/derived-rows.js';
export type { CarriedEvents } from './maintenance/restore-run.js';
export { migrate, migrationStatus, type MigrationState } from './migrate.js';
export type { WatchedRun } from './reconcile/index.js';
export { openProjections, type Projections, type ProjectionsOptions } from './open.js';
export type { ExplainedEvent } from './reads/explain-event.js';
export type { InboundSummary } from './reads/list-inbound.js';
export type { OutboxRow } from './reads/due-outbox.js';
export type { DeliveryRow, EventKey } from './reads/event-rows.js';
export type { Page } from './reads/page.js';
export type { TriggerRow } from './reads/routing.js';
export type { EventOutcome, FinishedDelivery } from './writers/finish-event.js';
export type { EventVia, RecordedEvent } from './writers/record-event.js';
export type { FaultPoint, Faults } from './unit-of-work.js';
export { deadLetterId } from './dead-letters.js';
