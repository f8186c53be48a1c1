/**
 * What an operator and an application do about runs: `client.runs`.
 *
 * Invariants
 * - Each operation goes to Temporal, and to Temporal only; rows follow by what the run says. What is shown comes from
 *   the reads that the client was given.
 * - A run of another tenant is not there: RUN_NOT_FOUND.
 * - Values that the definition marks `writeOnly` come as `[redacted]`, unless they are asked for.
 */
import type { z } from 'zod';
import type { EventSignal } from '../contracts/run/messages.js';
import type {
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
import type { Redactor } from './redaction/redaction.js';
import type { RunReads } from './reads/reads.js';
import { bulk, type BulkAction, type BulkItem, type BulkOptions } from './runs/bulk.js';
import { exportRun, type ExportOptions, type RunBundle } from './runs/bundle.js';
import { findRun, readsOf, type ActOptions, type OfTenant, type RunContext } from './runs/context.js';
import { refuseLegacy, type LegacyAction } from './runs/legacy.js';
import { hideSummary, redactorOf } from './runs/redactors.js';
import { rerunRun, type RerunOptions, type RerunRun } from './runs/rerun.js';
import { rewindRun } from './runs/rewind.js';
import type { RewindOptions, Rewound } from './runs/rewind-options.js';
import { stopRun, type StoppedRun } from './runs/stop-run.js';

export interface ShowOptions extends OfTenant {
  /** True: marked values as they are. Default false. */
  readonly unredacted?: boolean | undefined;
}

type Signal = (
  workflowId: string,
  event: Omit<z.input<typeof EventSignal>, 'eventId'> & { readonly eventId?: string },
  signalName?: 'event' | 'humanTask',
) => Promise<void>;

/** Made by the client: `client.runs`. */
export class RunControl {
  /** @internal */
  constructor(
    private readonly context: RunContext,
    private readonly sendEvent: Signal,
  ) {}

  /**
   * A page of runs, newest first.
   * @throws SluiceError READS_NOT_CONFIGURED, INPUT_INVALID, DATABASE_UNAVAILABLE; so do all that show
   */
  async list(
    filter: RunFilter = {},
    page: PageRequest = {},
    { tenant = this.context.tenant, unredacted }: ShowOptions = {},
  ): Promise<Page<RunSummary>> {
    const found = await readsOf(this.context).listRuns(tenant, filter, page);
    if (unredacted === true || readsOf(this.context).redacted === true) return found;
    return { ...found, items: await Promise.all(found.items.map((run) => hideSummary(this.context, run))) };
  }

  /** One run. @throws SluiceError RUN_NOT_FOUND; so do all that show something of one */
  async get(runId: string, options: ShowOptions = {}): Promise<RunView> {
    const { run, redactor } = await this.#open(runId, options);
    return redactor?.run(run) ?? run;
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

  /** The log in order. @param page `superseded`: also events that a reset has undone */
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

  /** What the ledger has of its actions, by idempotency key. */
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

  /** What let its writes happen, or kept them from it. */
  evidence(runId: string, page: PageRequest = {}, options: ShowOptions = {}): Promise<Page<EvidenceView>> {
    return this.#page(
      runId,
      options,
      (reads, tenant) => reads.pageEvidence(tenant, runId, page),
      (redactor, evidence) => redactor.evidence(evidence),
    );
  }

  /** Audit rows of the events that it got. */
  inbound(runId: string, page: PageRequest = {}, options: ShowOptions = {}): Promise<Page<RunInboundView>> {
    return this.#page(
      runId,
      options,
      (reads, tenant) => reads.pageInbound(tenant, runId, page),
      (redactor, event) => redactor.inbound(event),
    );
  }

  /** What hides the marked values of a run, for answers that are made elsewhere. */
  async redactor(runId: string, options: OfTenant = {}): Promise<Redactor> {
    return redactorOf(this.context, await findRun(this.context, runId, options));
  }

  /**
   * Sends an event to one run. Whether a wait takes it is for the run to decide.
   * @throws SluiceError RUN_NOT_FOUND, WORKFLOW_NOT_FOUND where Temporal has none that is open
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
   * Asks a run to stop: it cleans up and ends CANCELED. Resolves when Temporal has accepted it.
   * @throws SluiceError RUN_NOT_FOUND, RUN_CLOSED, WORKFLOW_TEMPORAL_CANCEL_FAILED; then nothing has changed
   */
  cancel(runId: string, options: ActOptions = {}): Promise<StoppedRun> {
    return stopRun(this.context, 'cancel', runId, options);
  }

  /**
   * Ends a run at once, without clean-up or compensation.
   * @throws SluiceError RUN_NOT_FOUND, RUN_CLOSED, WORKFLOW_TEMPORAL_TERMINATE_FAILED; then nothing has changed
   */
  terminate(runId: string, options: ActOptions = {}): Promise<StoppedRun> {
    return stopRun(this.context, 'terminate', runId, options);
  }

  /**
   * Starts a fresh run from the original payload and the pinned definition of another one.
   * @throws SluiceError RUN_NOT_FOUND, RUN_OPEN, RERUN_PAYLOAD_GONE, WORKFLOW_ALREADY_STARTED, INPUT_TOO_LARGE
   */
  rerun(runId: string, options: RerunOptions = {}): Promise<RerunRun> {
    return rerunRun(this.context, runId, options);
  }

  /**
   * Takes a run back to a step, open or closed: that step and what began after it is done again, what came before
   * stays as it is.
   * @throws SluiceError RUN_NOT_FOUND, REWIND_NOT_POSSIBLE, REWIND_CONFLICT, WORKFLOW_TEMPORAL_RESET_FAILED
   */
  rewind(runId: string, options: RewindOptions): Promise<Rewound> {
    return rewindRun(this.context, runId, options);
  }

  /**
   * The same operation on every run that fits; one item for each, as it is done.
   * @throws SluiceError INPUT_INVALID; what fails for one run is its item
   */
  bulk(action: BulkAction, filter: RunFilter, options: BulkOptions = {}): AsyncGenerator<BulkItem, void> {
    return bulk(this.context, action, filter, options);
  }

  /** One run as one JSON bundle with a digest; `verifyBundle` checks it. */
  export(runId: string, options: ExportOptions = {}): Promise<RunBundle> {
    return exportRun(this.context, runId, options);
  }

  /**
   * What an older engine did from its database: always refused, and nothing happens.
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

  async #open(
    runId: string,
    { tenant, unredacted }: ShowOptions,
  ): Promise<{ readonly run: RunView; readonly redactor: Redactor | undefined }> {
    const run = await findRun(this.context, runId, { tenant });
    const asItIs = unredacted === true || readsOf(this.context).redacted === true;
    return { run, redactor: asItIs ? undefined : await redactorOf(this.context, run) };
  }

  async #page<T>(
    runId: string,
    options: ShowOptions,
    ask: (reads: RunReads, tenant: string) => Promise<Page<T>>,
    hide: (redactor: Redactor, item: T) => T,
  ): Promise<Page<T>> {
    const { run, redactor } = await this.#open(runId, options);
    const page = await ask(readsOf(this.context), run.tenant);
    if (redactor?.hides !== true) return page;
    return { ...page, items: page.items.map((item) => hide(redactor, item)) };
  }
}
