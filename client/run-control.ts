/**
 * Reading runs and acting on them: `client.runs`.
 *
 * Invariants
 * - Each act goes to Temporal, and to Temporal only; the rows follow from the run's events. Reads come from
 *   the `reads` of the client.
 * - A run of another tenant does not exist: RUN_NOT_FOUND.
 * - Values that the definition marks `writeOnly` are `[redacted]`, unless `unredacted` asks for them.
 */
import type { z } from 'zod';
import { SluiceError } from '../contracts/errors.js';
import type { Pause } from '../contracts/http/api.js';
import type { EventSignal } from '../contracts/run/messages.js';
import type { RunRef } from '../contracts/run/run.js';
import type {
  AuditFilter,
  AuditView,
  Erasure,
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
} from '../projections/index.js';
import { erase } from './erasure/erase.js';
import type { EraseRequest, ErasureReport } from './erasure/report.js';
import { pausedRuns, pausesOf } from './connection/paused.js';
import { explainRun } from './explain/explain.js';
import type { RunExplanation } from './explain/explanation.js';
import { findRuns, type Findings } from './explain/find.js';
import type { PayloadRedactor } from './redaction/redaction.js';
import type { RunReads } from './reads/reads.js';
import { bulk, type BulkAction, type BulkItem, type BulkOptions } from './bulk/bulk.js';
import { exportRun, type ExportOptions, type RunBundle } from './runs/bundle.js';
import { findRun, readsOf, type ActOptions, type OfTenant, type RunContext } from './runs/context.js';
import { refuseLegacy, type LegacyAction } from './runs/legacy.js';
import { hideSummary, matchesShown, redactorOf, safeRedactorOf } from './runs/redactors.js';
import { rerunRun, type RerunOptions, type RerunRun } from './runs/rerun.js';
import { rewindRun } from './runs/rewind.js';
import type { RewindOptions, Rewound } from './runs/rewind-options.js';
import { stopRun, type StoppedRun } from './runs/stop-run.js';

export interface ShowOptions extends OfTenant {
  /** True: show marked values. Default false. */
  readonly unredacted?: boolean | undefined;
}

/** What of a run is paused; null: Temporal did not tell. */
interface WithPauses {
  readonly paused: readonly Pause[] | null;
}
export type ListedRun = RunSummary & WithPauses;
export type ShownRun = RunView &
  WithPauses & {
    /** Its re-runs, the newest ten, newest first. */
    readonly reruns: readonly RunRef[];
  };

/** The window of a search, and its bound. */
export type FindSearch = Pick<RunFilter, 'startedFrom' | 'startedBefore' | 'definition' | 'status'> & {
  readonly most?: number | undefined;
};

/** Runs that a search looks through. */
const FIND_DEFAULT = 2_000;
const FIND_MOST = 20_000;

/** Most re-runs that are shown with a run. */
const RERUNS_SHOWN = 10;

type Signal = (
  workflowId: string,
  event: Omit<z.input<typeof EventSignal>, 'eventId'> & { readonly eventId?: string },
  signalName?: 'event' | 'humanTask',
) => Promise<void>;

/** `client.runs`. */
export class RunControl {
  /** @internal */
  constructor(
    private readonly context: RunContext,
    private readonly sendEvent: Signal,
  ) {}

  /**
   * A page of runs, newest first; `paused` is what Temporal says of each. A filter by key or state finds the
   * runs that are shown with that value: one whose value is redacted is found with `unredacted` only.
   * @throws SluiceError READS_NOT_CONFIGURED, INPUT_INVALID, DATABASE_UNAVAILABLE; every other read throws
   *   these too
   */
  async list(
    filter: RunFilter = {},
    page: PageRequest = {},
    { tenant = this.context.tenant, unredacted }: ShowOptions = {},
  ): Promise<Page<ListedRun>> {
    const reads = readsOf(this.context);
    if (unredacted === true || reads.redacted === true) {
      const { items, next } = await reads.listRuns(tenant, filter, page);
      return { items: await this.#listed(items, items), next };
    }
    const { rows, items, next } = await this.#shownRuns(tenant, filter, page);
    // A next page that shows nothing would tell that hidden runs match.
    const more =
      next !== null &&
      (await this.#shownRuns(tenant, filter, { limit: page.limit, after: next })).items.length > 0;
    return { items: await this.#listed(rows, items), next: more ? next : null };
  }

  /**
   * Runs that a text may mean: a run id, a workflow id, a correlation key that a run was started with or
   * waits for, or one that looks like it (case, blanks, look-alike characters).
   * @param search `startedFrom`, `startedBefore`: the window, ISO instants of the original start; `most`:
   *   runs that are looked through at most, 1 to 20,000, default 2,000
   * @throws SluiceError INPUT_INVALID
   * @example
   * const { found, cut } = await sluice.runs.find('order-7', { startedFrom: '2026-01-31T00:00Z' });
   */
  async find(
    text: string,
    { most = FIND_DEFAULT, ...window }: FindSearch = {},
    options: ShowOptions = {},
  ): Promise<Findings> {
    if (text.trim() === '' || !Number.isInteger(most) || most < 1 || most > FIND_MOST) {
      throw new SluiceError('INPUT_INVALID', `A text, and at most ${FIND_MOST} runs to look through`);
    }
    const { tenant = this.context.tenant, unredacted } = options;
    const reads = readsOf(this.context);
    const list = (filter: RunFilter, page: PageRequest): Promise<Page<RunSummary>> =>
      unredacted === true || reads.redacted === true
        ? reads.listRuns(tenant, filter, page)
        : this.#shownRuns(tenant, filter, page);
    return findRuns(
      {
        byId: async (runId) => {
          if ((await reads.getRun(tenant, runId)) === undefined) return undefined;
          return this.get(runId, options);
        },
        byKey: (correlationKey, page) => list({ ...window, correlationKey }, page),
        newest: (page) => list(window, page),
        waits: (runId, page) => this.waits(runId, page, options),
      },
      text,
      most,
    );
  }

  /** One run. @throws SluiceError RUN_NOT_FOUND; every read of a part of a run throws it too */
  async get(runId: string, options: ShowOptions = {}): Promise<ShownRun> {
    const { run, redactor } = await this.#open(runId, options);
    const page = { limit: RERUNS_SHOWN };
    const [reruns, paused] = await Promise.all([
      readsOf(this.context).listRuns(run.tenant, { rerunOf: runId }, page),
      pausesOf(this.context.temporal, run),
    ]);
    return {
      ...(redactor?.run(run) ?? run),
      reruns: reruns.items.map(({ runId: rerun, workflowId }) => ({ runId: rerun, workflowId })),
      paused,
    };
  }

  /**
   * What happened to a run, in plain words, and what would help. @throws SluiceError RUN_NOT_FOUND
   * @example
   * console.log((await sluice.runs.explain(runId)).text);
   */
  async explain(runId: string, options: ShowOptions = {}): Promise<RunExplanation> {
    const { paused, ...run } = await this.get(runId, options);
    return explainRun({
      run: { ...run, pausedParts: paused?.length ?? 0 },
      steps: (page) => this.steps(runId, page, options),
      events: (page) => this.events(runId, page, options),
      waits: (page) => this.waits(runId, page, options),
      invocations: (page) => this.invocations(runId, page, options),
      audit: (page) => this.audit(runId, page, options),
    });
  }

  /** Step executions, in the order in which they began. */
  steps(runId: string, page: PageRequest = {}, options: ShowOptions = {}): Promise<Page<StepView>> {
    return this.#page(
      runId,
      options,
      (reads, tenant) => reads.listSteps(tenant, runId, page),
      (redactor, step) => redactor.step(step),
    );
  }

  /** The log in order. @param page `superseded`: also events that a reset undid */
  events(
    runId: string,
    page: PageRequest & { readonly superseded?: boolean | undefined } = {},
    options: ShowOptions = {},
  ): Promise<Page<EventView>> {
    return this.#page(
      runId,
      options,
      (reads, tenant) => reads.listEvents(tenant, runId, page),
      (redactor, event) => redactor.event(event),
    );
  }

  /** Waits, in the order in which they opened. */
  waits(runId: string, page: PageRequest = {}, options: ShowOptions = {}): Promise<Page<WaitView>> {
    return this.#page(
      runId,
      options,
      (reads, tenant) => reads.pageWaits(tenant, runId, page),
      (redactor, wait) => redactor.wait(wait),
    );
  }

  /** The ledger rows of its actions, by idempotency key. */
  invocations(
    runId: string,
    page: PageRequest = {},
    options: ShowOptions = {},
  ): Promise<Page<InvocationView>> {
    return this.#page(
      runId,
      options,
      (reads, tenant) => reads.pageInvocations(tenant, runId, page),
      (redactor, use) => redactor.invocation(use),
    );
  }

  /** The policy decisions about its actions, with their evidence. */
  evidence(runId: string, page: PageRequest = {}, options: ShowOptions = {}): Promise<Page<EvidenceView>> {
    return this.#page(
      runId,
      options,
      (reads, tenant) => reads.pageEvidence(tenant, runId, page),
      (redactor, evidence) => redactor.evidence(evidence),
    );
  }

  /** Audit rows of the events that were delivered to it. */
  inbound(runId: string, page: PageRequest = {}, options: ShowOptions = {}): Promise<Page<RunInboundView>> {
    return this.#page(
      runId,
      options,
      (reads, tenant) => reads.pageInbound(tenant, runId, page),
      (redactor, event) => redactor.inbound(event),
    );
  }

  /** Who acted on it, or read it unredacted, through the API, newest first. */
  audit(runId: string, page: PageRequest = {}, options: ShowOptions = {}): Promise<Page<AuditView>> {
    return this.#page(
      runId,
      options,
      (reads, tenant) => reads.listAudit(tenant, { on: `run:${runId}` }, page),
      (_, act) => act,
    );
  }

  /** Who did what in a tenant through the API, newest first. @param filter `on`: such as `run:ID` */
  listAudit(
    filter: AuditFilter = {},
    page: PageRequest = {},
    { tenant = this.context.tenant }: OfTenant = {},
  ): Promise<Page<AuditView>> {
    return readsOf(this.context).listAudit(tenant, filter, page);
  }

  /**
   * The redactor of a run, for answers that a caller composes itself. It hides every value where the run's
   * definition is not there. @throws SluiceError RUN_NOT_FOUND
   */
  async redactor(runId: string, options: OfTenant = {}): Promise<PayloadRedactor> {
    return safeRedactorOf(this.context, await findRun(this.context, runId, options));
  }

  /**
   * Sends an event to one run. The run decides whether one of its waits takes it.
   * @throws SluiceError RUN_NOT_FOUND, WORKFLOW_NOT_FOUND if Temporal has no open workflow for it
   */
  async signal(
    runId: string,
    event: Omit<Parameters<Signal>[1], 'runId'>,
    { signalName, ...options }: OfTenant & { readonly signalName?: 'event' | 'humanTask' } = {},
  ): Promise<void> {
    const { workflowId } = await findRun(this.context, runId, options);
    await this.sendEvent(workflowId, { ...event, runId }, signalName);
  }

  /**
   * Asks a run to stop: it cleans up and ends CANCELED. Resolves when Temporal has accepted the request.
   * @throws SluiceError RUN_NOT_FOUND, RUN_CLOSED, WORKFLOW_TEMPORAL_CANCEL_FAILED; nothing has changed then.
   *   OUTCOME_UNKNOWN where the answer was lost and Temporal shows no cancellation (yet)
   */
  cancel(runId: string, options: ActOptions = {}): Promise<StoppedRun> {
    return stopRun(this.context, 'cancel', runId, options);
  }

  /**
   * Ends a run at once, without clean-up or compensation.
   * @throws SluiceError RUN_NOT_FOUND, RUN_CLOSED, WORKFLOW_TEMPORAL_TERMINATE_FAILED; nothing has changed
   *   then. OUTCOME_UNKNOWN where the answer was lost and Temporal shows it open (yet)
   */
  terminate(runId: string, options: ActOptions = {}): Promise<StoppedRun> {
    return stopRun(this.context, 'terminate', runId, options);
  }

  /**
   * Starts a new run with the original payload and the pinned definition of another run.
   * @returns the new run, and the run that it repeats
   * @throws SluiceError RUN_NOT_FOUND, RUN_OPEN, RERUN_PAYLOAD_GONE, WORKFLOW_ALREADY_STARTED,
   *   INPUT_TOO_LARGE
   */
  rerun(runId: string, options: RerunOptions = {}): Promise<RerunRun> {
    return rerunRun(this.context, runId, options);
  }

  /**
   * Rewinds a run, open or closed, to a step: the run repeats that step and all that began after it. What
   * began before stays.
   * @returns the execution that continues the run, and the one that was reset
   * @throws SluiceError RUN_NOT_FOUND, REWIND_NOT_POSSIBLE, REWIND_CONFLICT, WORKFLOW_TEMPORAL_RESET_FAILED,
   *   INPUT_INVALID, TEMPORAL_UNAVAILABLE; OUTCOME_UNKNOWN, with the `operationId` under which asking
   *   again is harmless, where the answer was lost and Temporal shows no rewind (yet)
   * @example
   * await sluice.runs.rewind(runId, { stepPath: 'steps[1].then[0]', reason: 'The price was wrong.' });
   */
  rewind(runId: string, options: RewindOptions): Promise<Rewound> {
    return rewindRun(this.context, runId, options);
  }

  /**
   * Applies one act to every run that matches a filter. Yields an item for each run, in the order of
   * completion.
   * @param filter an empty one matches every run of the tenant, and then requires `all: true`
   * @throws SluiceError INPUT_INVALID, READS_NOT_CONFIGURED; a failure for one run is its item, not an
   *   exception
   * @example
   * const failedOrders = { definition: 'order-fulfilment', status: 'FAILED' } as const;
   * for await (const item of sluice.runs.bulk('rerun', failedOrders)) {
   *   console.log(item.runId, item.outcome, item.error?.code ?? '');
   * }
   */
  bulk(action: BulkAction, filter: RunFilter, options: BulkOptions = {}): AsyncGenerator<BulkItem, void> {
    return bulk(this.context, action, filter, options);
  }

  /**
   * One run as one JSON bundle with a digest; `verifyBundle` checks it.
   * @throws SluiceError RUN_NOT_FOUND; INPUT_INVALID if `unredacted` is asked of a source that redacts
   */
  export(runId: string, options: ExportOptions = {}): Promise<RunBundle> {
    return exportRun(this.context, runId, options);
  }

  /**
   * Erases closed runs, or all of a correlation key, with their children and events: their values go
   * from Temporal and the database, and rows without values stay. Asking again after an error goes on
   * where it broke off.
   * @param erasure `projections.erasure`
   * @throws SluiceError RUN_NOT_FOUND, RUN_OPEN, ERASURE_TOO_EARLY: nothing is erased then;
   *   ERASURE_UNFINISHED, INPUT_INVALID, TEMPORAL_UNAVAILABLE, DATABASE_UNAVAILABLE
   * @example
   * await sluice.runs.erase(projections.erasure, { correlationKey: 'person:7', dryRun: true });
   */
  erase(erasure: Erasure, request: EraseRequest): Promise<ErasureReport> {
    return erase(this.context, erasure, request);
  }

  /**
   * Refuses an operation of the older engine, which worked on its database. Nothing happens.
   * @throws SluiceError WORKFLOW_TEMPORAL_ACTION_UNSUPPORTED
   */
  async legacy(action: LegacyAction, runId: string): Promise<never> {
    return refuseLegacy(action, runId);
  }

  /** @throws SluiceError WORKFLOW_TEMPORAL_ACTION_UNSUPPORTED, always */
  async resume(runId: string): Promise<never> {
    return refuseLegacy('resume', runId);
  }

  /** @throws SluiceError WORKFLOW_TEMPORAL_ACTION_UNSUPPORTED, always */
  async retry(runId: string): Promise<never> {
    return refuseLegacy('retry', runId);
  }

  /** @throws SluiceError WORKFLOW_TEMPORAL_ACTION_UNSUPPORTED, always */
  async requeueEventWait(runId: string): Promise<never> {
    return refuseLegacy('requeue_event_wait', runId);
  }

  /** Runs as they are shown, with what Temporal says of their rows. */
  async #listed(rows: readonly RunSummary[], shown: readonly RunSummary[]): Promise<ListedRun[]> {
    const paused = await pausedRuns(this.context.temporal, rows);
    return shown.map((run) => ({ ...run, paused: paused && (paused.get(run.runId) ?? []) }));
  }

  /** The first page with any run that is shown with what the filter asks for, and the rows of those runs. */
  async #shownRuns(
    tenant: string,
    filter: RunFilter,
    page: PageRequest,
  ): Promise<Page<RunSummary> & { readonly rows: readonly RunSummary[] }> {
    for (let { after } = page; ;) {
      const runs = await readsOf(this.context).listRuns(tenant, filter, { ...page, after });
      const shown = await Promise.all(runs.items.map((run) => hideSummary(this.context, run)));
      const items = shown.filter((run) => matchesShown(filter, run));
      if (items.length > 0 || runs.next === null) {
        const ids = new Set(items.map(({ runId }) => runId));
        return { items, next: runs.next, rows: runs.items.filter(({ runId }) => ids.has(runId)) };
      }
      after = runs.next;
    }
  }

  async #open(
    runId: string,
    { tenant, unredacted }: ShowOptions,
  ): Promise<{ readonly run: RunView; readonly redactor: PayloadRedactor | undefined }> {
    const run = await findRun(this.context, runId, { tenant });
    const unchanged = unredacted === true || readsOf(this.context).redacted === true;
    return { run, redactor: unchanged ? undefined : await redactorOf(this.context, run) };
  }

  async #page<T>(
    runId: string,
    options: ShowOptions,
    ask: (reads: RunReads, tenant: string) => Promise<Page<T>>,
    hide: (redactor: PayloadRedactor, item: T) => T,
  ): Promise<Page<T>> {
    const { run, redactor } = await this.#open(runId, options);
    const page = await ask(readsOf(this.context), run.tenant);
    if (redactor?.hides !== true) return page;
    return { ...page, items: page.items.map((item) => hide(redactor, item)) };
  }
}
