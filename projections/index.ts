/** SurrealDB: the only room that speaks SurrealQL. docs/projections.md says what it guarantees. */
export { connect, type Database } from './connection/connection.js';
export { storePath, type DatabaseOptions, type DatabaseState } from './connection/options.js';
export type { ApiRequests } from './api-request-store.js';
export type { AuditFilter, AuditView } from './reads/list-audit.js';
export type { Erasure } from './erasure-store.js';
export type { ErasableTask } from './erasure/erase-task.js';
export type { ErasureScope, ErasureTarget } from './erasure/find-scope.js';
export type { EventStore } from './event-store.js';
export type { RowDifference } from './maintenance/derived-rows.js';
export type { CarriedEvents } from './maintenance/restore-run.js';
export { tryUpdatesOfOneRow } from './connection/lost-updates.js';
export type { Prunable } from './maintenance/sample.js';
export { temporalOwner, type TemporalOwner } from './maintenance/temporal-owner.js';
export { lookThrough } from './look-through.js';
export { migrate, migrationStatus, type MigrationState } from './migrations/migrate.js';
export type { OpenTask, WatchedRun } from './reconcile/index.js';
export { openProjections, type Projections, type ProjectionsOptions } from './open.js';
export type {
  DefinitionActView,
  DefinitionSummary,
  DefinitionVersion,
  DefinitionView,
} from './reads/definitions.js';
export type { ExplainedEvent } from './reads/events/explain-event.js';
export type { InboundSummary } from './reads/events/list-inbound.js';
export type { OutboxRow } from './reads/events/due-outbox.js';
export type { DeliveryRow, EventKey } from './reads/events/event-rows.js';
export type { EvidenceView } from './reads/runs/list-evidence.js';
export type { EventView } from './reads/runs/list-events.js';
export type { InvocationView } from './reads/runs/list-invocations.js';
export type { RunFilter } from './reads/runs/list-runs.js';
export type { StepView } from './reads/runs/list-steps.js';
export type { WaitView } from './reads/runs/list-waits.js';
export type { Page, PageRequest } from './connection/page.js';
export type { UnreadableRow } from './connection/unreadable.js';
export type { Cursor } from './connection/read.js';
export type { RunInboundView } from './reads/events/run-inbound.js';
export type { RunSummary, RunView } from './reads/runs/run-view.js';
export type { TriggerRetry } from './reads/events/trigger-retries.js';
export type { TriggerRow, UnfinishedEvent } from './reads/events/routing.js';
export type { EventOutcome, FinishedDelivery } from './writers/events/finish-event.js';
export type { EventConflict } from './reads/events/event-rows.js';
export type { EventVia, RecordedEvent } from './writers/events/record-event.js';
export type { ValueSeal } from './values/value-seal.js';
export type { FaultPoint, Faults } from './connection/unit-of-work.js';
export { compensationLetterId, triggerLetterId } from './domain/dead-letters.js';
