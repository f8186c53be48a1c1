/**
 * What the client reads runs and definitions from.
 *
 * Invariant: it only reads. `projections.reads` is one (where the database can be opened); so is whatever asks an
 * API. Every question names the tenant, and no answer has anything of another one.
 */
import type {
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

export interface RunReads {
  /**
   * True where marked values (`writeOnly` in the payloadSchema) come as `[redacted]` already: such a source can't
   * give the original payload.
   */
  readonly redacted?: boolean;
  /** Newest first. */
  listRuns(tenant: string, filter?: RunFilter, page?: PageRequest): Promise<Page<RunSummary>>;
  getRun(tenant: string, runId: string): Promise<RunView | undefined>;
  /** Step executions in the order in which they began. */
  listSteps(tenant: string, runId: string, page?: PageRequest): Promise<Page<StepView>>;
  /** The log in order; `superseded`: also events that a reset has undone. */
  listEvents(
    tenant: string,
    runId: string,
    page?: PageRequest & { readonly superseded?: boolean | undefined },
  ): Promise<Page<EventView>>;
  pageWaits(tenant: string, runId: string, page?: PageRequest): Promise<Page<WaitView>>;
  pageInvocations(tenant: string, runId: string, page?: PageRequest): Promise<Page<InvocationView>>;
  pageEvidence(tenant: string, runId: string, page?: PageRequest): Promise<Page<EvidenceView>>;
  /** Audit rows of the events that the run got. */
  pageInbound(tenant: string, runId: string, page?: PageRequest): Promise<Page<RunInboundView>>;
  listDefinitions(tenant: string, page?: PageRequest): Promise<Page<DefinitionSummary>>;
  /** A version, or the one that a start takes. */
  getDefinition(tenant: string, id: string, version?: number): Promise<DefinitionView | undefined>;
}

/** Everything of a list, page by page. */
export async function* everything<T>(
  pageAt: (page: PageRequest) => Promise<Page<T>>,
): AsyncGenerator<T, void> {
  for (let after: string | undefined; ;) {
    const page = await pageAt({ limit: 500, ...(after !== undefined && { after }) });
    yield* page.items;
    if (page.next === null) return;
    after = page.next;
  }
}
