/**
 * The source that a client reads runs and definitions from.
 *
 * Invariant: it only reads. `projections.reads` is one, where the database can be opened; `apiReads` is the
 * other. Every call names a tenant, and no answer holds data of another tenant.
 */
import type {
  AuditFilter,
  AuditView,
  DefinitionSummary,
  DefinitionView,
  EventView,
  EvidenceView,
  InvocationView,
  Page,
  PageRequest,
  RunFilter,
  RunInboundView,
  RunSummary,
  RunView,
  StepView,
  WaitView,
} from '../../projections/index.js';
import type { CalendarSummary, CalendarView } from '../../contracts/calendar/pinned.js';
import type {
  TaskCounts,
  TaskEntry,
  TaskFilter,
  TaskSummary,
  TaskView,
} from '../../contracts/tasks/record.js';

export interface RunReads {
  /**
   * True: marked values (`writeOnly` in the payloadSchema) are `[redacted]` already, so this source cannot
   * return an original payload.
   */
  readonly redacted?: boolean;
  /** Newest first. */
  listRuns(tenant: string, filter?: RunFilter, page?: PageRequest): Promise<Page<RunSummary>>;
  getRun(tenant: string, runId: string): Promise<RunView | undefined>;
  /** Step executions in the order in which they began. */
  listSteps(tenant: string, runId: string, page?: PageRequest): Promise<Page<StepView>>;
  /** The log in order; `superseded`: also events that a reset undid. */
  listEvents(
    tenant: string,
    runId: string,
    page?: PageRequest & { readonly superseded?: boolean | undefined },
  ): Promise<Page<EventView>>;
  pageWaits(tenant: string, runId: string, page?: PageRequest): Promise<Page<WaitView>>;
  pageInvocations(tenant: string, runId: string, page?: PageRequest): Promise<Page<InvocationView>>;
  pageEvidence(tenant: string, runId: string, page?: PageRequest): Promise<Page<EvidenceView>>;
  /** Audit rows of the events that were delivered to the run. */
  pageInbound(tenant: string, runId: string, page?: PageRequest): Promise<Page<RunInboundView>>;
  /** Who did what, newest first; `on`: on one thing, such as `run:ID`. */
  listAudit(tenant: string, filter?: AuditFilter, page?: PageRequest): Promise<Page<AuditView>>;
  /** The inbox: late ones first, then by priority, then the oldest. */
  listTasks(tenant: string, filter?: TaskFilter, page?: PageRequest): Promise<Page<TaskSummary>>;
  countTasks(tenant: string): Promise<TaskCounts>;
  getTask(tenant: string, item: string): Promise<TaskView | undefined>;
  /** The log of a task, oldest first. */
  listTaskEntries(tenant: string, item: string, page?: PageRequest): Promise<Page<TaskEntry>>;
  /** Business calendars, by name: their newest versions. */
  listCalendars(tenant: string, page?: PageRequest): Promise<Page<CalendarSummary>>;
  getCalendar(tenant: string, name: string): Promise<CalendarView | undefined>;
  listDefinitions(tenant: string, page?: PageRequest): Promise<Page<DefinitionSummary>>;
  /** @param version default: the one that a start takes */
  getDefinition(tenant: string, id: string, version?: number): Promise<DefinitionView | undefined>;
}

/** Entries of one page of `allItems`. */
const PAGE_SIZE = 500;

/** All items of a list, read page by page. */
export async function* allItems<T>(pageAt: (page: PageRequest) => Promise<Page<T>>): AsyncGenerator<T, void> {
  for (let after: string | undefined; ;) {
    const page = await pageAt({ limit: PAGE_SIZE, ...(after !== undefined && { after }) });
    yield* page.items;
    if (page.next === null) return;
    after = page.next;
  }
}
