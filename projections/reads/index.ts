/** Read models: one file for each question. Each takes a tenant and sees no other tenant's rows. */
import type { Database } from '../connection/connection.js';
import type { Page, PageRequest } from '../connection/page.js';
import type {
  TaskCounts,
  TaskEntry,
  TaskFilter,
  TaskSummary,
  TaskView,
} from '../../contracts/tasks/record.js';
import type { CalendarSummary, CalendarView } from '../../contracts/calendar/pinned.js';
import { getCalendar, listCalendars } from './calendars.js';
import { checkContiguity, type Contiguity } from './runs/check-contiguity.js';
import {
  getDefinition,
  listDefinitions,
  type DefinitionSummary,
  type DefinitionView,
} from './definitions.js';
import { listAudit, type AuditFilter, type AuditView } from './list-audit.js';
import { getRun } from './runs/get-run.js';
import { listEvidence, pageEvidence, type EvidenceView } from './runs/list-evidence.js';
import { listEvents, type EventView } from './runs/list-events.js';
import {
  listInvocations,
  pageInvocations,
  readLedger,
  type InvocationView,
  type Ledger,
} from './runs/list-invocations.js';
import { listRuns, type RunFilter } from './runs/list-runs.js';
import { listSteps, type StepView } from './runs/list-steps.js';
import { listWaits, pageWaits, type WaitView } from './runs/list-waits.js';
import { getTask, listTaskEntries } from './tasks/get-task.js';
import { countTasks, listTasks } from './tasks/list-tasks.js';
import { pageInbound, type RunInboundView } from './events/run-inbound.js';
import type { RunSummary, RunView } from './runs/run-view.js';

export interface Reads {
  getRun(tenant: string, runId: string): Promise<RunView | undefined>;
  /** Newest first. */
  listRuns(tenant: string, filter?: RunFilter, page?: PageRequest): Promise<Page<RunSummary>>;
  /** Step executions in the order in which they began. */
  listSteps(tenant: string, runId: string, page?: PageRequest): Promise<Page<StepView>>;
  /** The log in order of `seq`; `after` may be a `seq`. */
  listEvents(
    tenant: string,
    runId: string,
    page?: PageRequest & { readonly superseded?: boolean | undefined },
  ): Promise<Page<EventView>>;
  listWaits(tenant: string, runId: string): Promise<readonly WaitView[]>;
  listInvocations(tenant: string, runId: string): Promise<readonly InvocationView[]>;
  /** The same, and the rows of the ledger that cannot be read. */
  readLedger(tenant: string, runId: string): Promise<Ledger>;
  /** Policy decisions about a run's actions. */
  listEvidence(tenant: string, runId: string): Promise<readonly EvidenceView[]>;
  /** Waits, invocations and evidence, page by page. */
  pageWaits(tenant: string, runId: string, page?: PageRequest): Promise<Page<WaitView>>;
  pageInvocations(tenant: string, runId: string, page?: PageRequest): Promise<Page<InvocationView>>;
  pageEvidence(tenant: string, runId: string, page?: PageRequest): Promise<Page<EvidenceView>>;
  /** Audit rows of the events that the run received, in the order of its log. */
  pageInbound(tenant: string, runId: string, page?: PageRequest): Promise<Page<RunInboundView>>;
  /** Who did what in the tenant, or on one thing, newest first. */
  listAudit(tenant: string, filter?: AuditFilter, page?: PageRequest): Promise<Page<AuditView>>;
  /** By id; includes unpublished definitions. */
  listDefinitions(tenant: string, page?: PageRequest): Promise<Page<DefinitionSummary>>;
  /** A version; without a number, the one that a start takes, or the highest where it is unpublished. */
  getDefinition(tenant: string, id: string, version?: number): Promise<DefinitionView | undefined>;
  /** Business calendars, by name: their newest versions. */
  listCalendars(tenant: string, page?: PageRequest): Promise<Page<CalendarSummary>>;
  getCalendar(tenant: string, name: string): Promise<CalendarView | undefined>;
  /** Late ones first, then by priority, then the oldest. */
  listTasks(tenant: string, filter?: TaskFilter, page?: PageRequest): Promise<Page<TaskSummary>>;
  countTasks(tenant: string): Promise<TaskCounts>;
  getTask(tenant: string, item: string): Promise<TaskView | undefined>;
  /** What was done to a task, oldest first. */
  listTaskEntries(tenant: string, item: string, page?: PageRequest): Promise<Page<TaskEntry>>;
  /** Gaps and doubles in the live log; both are errors once the run has ended. */
  checkContiguity(tenant: string, runId: string): Promise<Contiguity>;
}

/** Binds the read models to a database. */
export function createReads(database: Database): Reads {
  return {
    getRun: (...args) => getRun(database, ...args),
    listCalendars: (...args) => listCalendars(database, ...args),
    getCalendar: (...args) => getCalendar(database, ...args),
    listRuns: (...args) => listRuns(database, ...args),
    listSteps: (...args) => listSteps(database, ...args),
    listEvents: (...args) => listEvents(database, ...args),
    listEvidence: (...args) => listEvidence(database, ...args),
    listWaits: (...args) => listWaits(database, ...args),
    listInvocations: (...args) => listInvocations(database, ...args),
    readLedger: (...args) => readLedger(database, ...args),
    pageWaits: (...args) => pageWaits(database, ...args),
    pageInvocations: (...args) => pageInvocations(database, ...args),
    pageEvidence: (...args) => pageEvidence(database, ...args),
    pageInbound: (...args) => pageInbound(database, ...args),
    listAudit: (...args) => listAudit(database, ...args),
    listDefinitions: (...args) => listDefinitions(database, ...args),
    getDefinition: (...args) => getDefinition(database, ...args),
    listTasks: (...args) => listTasks(database, ...args),
    countTasks: (...args) => countTasks(database, ...args),
    getTask: (...args) => getTask(database, ...args),
    listTaskEntries: (...args) => listTaskEntries(database, ...args),
    checkContiguity: (...args) => checkContiguity(database, ...args),
  };
}
