/** The public API of the client: `import { createSluiceClient } from 'sluice/client'`. */
export { apiReads, type ApiReadsOptions } from './reads/api-reads.js';
export { askWorker, type WorkerAnswer } from './claims/ask-worker.js';
export { createSluiceClient, type SluiceClient } from './client.js';
export { eraseThroughApi } from './erasure/api-erasure.js';
export type { EraseRequest, ErasureReport } from './erasure/report.js';
export { callBridge, httpBus, redisBus, type EventBus } from './events/event-bus.js';
export type { DeadLetterClient, DeadLetterOptions, ListDeadLetters } from './dead-letters.js';
export type { DefinitionControl } from './definition-control.js';
export { runErrorOf } from './connection/errors.js';
export { ownRunAt, presentAt, type Present } from './connection/present.js';
export type {
  AnyPayloads,
  PublishOptions,
  SluiceClientOptions,
  StartOptions,
  StartedRun,
} from './connection/options.js';
export { ProgressPrinter } from './progress-printer.js';
export { allItems, type RunReads } from './reads/reads.js';
export { REDACTED, redactorFor, type PayloadRedactor } from './redaction/redaction.js';
export type { FindSearch, ListedRun, RunControl, ShownRun, ShowOptions } from './run-control.js';
export type { BulkAction, BulkItem, BulkOptions } from './bulk/bulk.js';
export type { ExplainedAct, ExplainedAttempt, RunExplanation } from './explain/explanation.js';
export type { Findings, FoundBy, FoundRun } from './explain/find.js';
export type { Repeated, RepeatedEffect, StepPlace } from './bulk/repeated.js';
export { type ExportOptions, RunBundle, verifyBundle } from './runs/bundle.js';
export type { ActOptions, OfTenant } from './runs/context.js';
export { LEGACY_ACTIONS, type LegacyAction, refuseLegacy } from './runs/legacy.js';
export type { RerunOptions, RerunRun } from './runs/rerun.js';
export type { RewindOptions, Rewound } from './runs/rewind-options.js';
export { type EventWithPauses, ShownEvents, type ShownSummary, withPauses } from './shown/shown-events.js';
export type { CalendarClient } from './tasks/calendar-client.js';
export type {
  PeopleAction,
  TaskActor,
  TaskClient,
  TaskInput,
  TaskReadOptions,
  TaskToCreate,
} from './tasks/task-client.js';
export type { TaskBulk, TaskBulkItem } from './tasks/bulk.js';
export type { StoppedRun } from './runs/stop-run.js';
