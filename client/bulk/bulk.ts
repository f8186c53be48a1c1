/**
 * The same act on every run that matches a filter.
 *
 * Invariants
 * - Each run is decided by itself: a failure is that run's item, and stops no other run. What is not known
 *   counts neither as done nor as failed.
 * - Runs are taken in the order of the list, page by page. A run that leaves the list meanwhile (because it
 *   was cancelled, for example) shifts no other run.
 * - Repeating a bulk re-run under the same operation id starts nothing twice: the workflow id of each new run
 *   consists of the source run and the operation id, and is never used again. A rewind is made once as well:
 *   its id is made from both.
 * - A run that another operation has re-run is neither re-run nor rewound, unless `rerunToo` says so: what
 *   its re-run has done would be done once more.
 * - A dry run of a rewind asks all that a rewind asks, and both name the effects that the ledger knows.
 * - A filter that matches every run of the tenant needs an explicit `all`.
 */
import { createHash } from 'node:crypto';
import { v7 as uuid } from 'uuid';
import { SluiceError, toSluiceError } from '../../contracts/errors.js';
import { rerunId } from '../../contracts/naming/workflow-id.js';
import { TERMINAL_RUN_STATUSES } from '../../contracts/run/run.js';
import type { RunFilter, RunSummary } from '../../projections/index.js';
import { allItems } from '../reads/reads.js';
import { findRun, readsOf, type ActOptions, type RunContext } from '../runs/context.js';
import { hideSummary, matchesShown } from '../runs/redactors.js';
import { rerunRun } from '../runs/rerun.js';
import { canRewind, rewindRun } from '../runs/rewind.js';
import { stopRun } from '../runs/stop-run.js';
import { failedStep, repeatedFrom, stepsOf, type Repeated, type StepPlace } from './repeated.js';

export type BulkAction = 'cancel' | 'terminate' | 'rerun' | 'rewind';

export interface BulkOptions extends ActOptions {
  /** True: list the runs that would be acted on, and do nothing. */
  readonly dryRun?: boolean | undefined;
  /** Runs acted on at once: 1 to 50, default 8. */
  readonly concurrency?: number | undefined;
  /** Most runs to act on; default: all that match. */
  readonly limit?: number | undefined;
  /** Makes a repetition harmless: 1 to 100 letters, digits, `_`, `-`, `.`. Default: a new one. */
  readonly operationId?: string | undefined;
  /** True: re-run open runs too. */
  readonly whileOpen?: boolean | undefined;
  /** Of a rewind: the step to go back to, where it ran first. Default: the step that failed, where it did. */
  readonly stepPath?: string | undefined;
  /** True: re-run or rewind runs that have been re-run already. Default: skip them (RUN_RERUN). */
  readonly rerunToo?: boolean | undefined;
  /** True: a filter by key or state also finds runs whose value is redacted. Default false. */
  readonly unredacted?: boolean | undefined;
  /** Must be true if the filter is empty. */
  readonly all?: boolean | undefined;
  /** On abort no further run is begun; the acts under way finish. */
  readonly signal?: AbortSignal | undefined;
}

/** The outcome for one run. */
export interface BulkItem {
  readonly runId: string;
  readonly workflowId: string;
  /**
   * `would`: a dry run; `skipped`: there was nothing to do, and the error says why; `unknown`: Temporal's
   * answer was lost, so it may have happened.
   */
  readonly outcome: 'done' | 'would' | 'skipped' | 'unknown' | 'failed';
  readonly error?: { readonly code: string; readonly message: string };
  /** Of a re-run: the new run. */
  readonly started?: { readonly runId: string; readonly workflowId: string };
  /** Of a rewind: the step that it goes back to. */
  readonly step?: StepPlace;
  /** Of a dry run of a re-run or a rewind: what would be done again, as the ledger knows it. */
  readonly repeats?: Repeated;
}

/** Errors that mean that there is nothing to do about a run. */
const NOTHING_TO_DO = new Set(['RUN_CLOSED', 'RUN_OPEN', 'RUN_RERUN', 'WORKFLOW_ALREADY_STARTED']);

const CONCURRENCY_DEFAULT = 8;
const CONCURRENCY_MOST = 50;

/**
 * Acts on each run and yields its item when it is done, so not in the order of the list.
 * @throws SluiceError INPUT_INVALID, READS_NOT_CONFIGURED; a failure for one run is its item
 */
export async function* bulk(
  context: RunContext,
  action: BulkAction,
  filter: RunFilter,
  options: BulkOptions = {},
): AsyncGenerator<BulkItem, void> {
  const { concurrency, limit, operationId } = checkedOptions(
    action,
    filter,
    options,
    options.tenant ?? context.tenant,
  );
  const tenant = options.tenant ?? context.tenant;
  const reads = readsOf(context);
  const pending = new Map<number, Promise<{ readonly key: number; readonly item: BulkItem }>>();
  let begun = 0;
  const nextItem = async (): Promise<BulkItem> => {
    const { key, item } = await Promise.race(pending.values());
    pending.delete(key);
    return item;
  };
  for await (const run of allItems((page) => reads.listRuns(tenant, filter, page))) {
    if (begun >= limit || options.signal?.aborted === true) break;
    if (!needsAct(action, run, options)) continue;
    const asShown = options.unredacted !== true && reads.redacted !== true;
    if (asShown && !matchesShown(filter, await hideSummary(context, run))) continue;
    const key = begun++;
    pending.set(
      key,
      actOn(context, action, run, { ...options, operationId }).then((item) => ({ key, item })),
    );
    if (pending.size >= concurrency) yield await nextItem();
  }
  while (pending.size > 0) yield await nextItem();
}

/** Leaves out runs that need no act, by their row; for a row that is behind, Temporal refuses the act. */
function needsAct(action: BulkAction, { status }: RunSummary, options: BulkOptions): boolean {
  const ended = TERMINAL_RUN_STATUSES.includes(status);
  if (action === 'rerun') return ended || options.whileOpen === true;
  // What has succeeded goes back only to a step that somebody names.
  if (action === 'rewind') return ended && (status !== 'SUCCEEDED' || options.stepPath !== undefined);
  return !ended;
}

type Acting = BulkOptions & { readonly operationId: string };

async function actOn(
  context: RunContext,
  action: BulkAction,
  run: RunSummary,
  options: Acting,
): Promise<BulkItem> {
  const { runId, workflowId, tenant } = run;
  const about = { runId, workflowId };
  try {
    if (action === 'rerun') return { ...about, ...(await rerunOne(context, run, options)) };
    if (action === 'rewind') return { ...about, ...(await rewindOne(context, run, options)) };
    if (options.dryRun === true) return { ...about, outcome: 'would' };
    const { actor, reason } = options;
    await stopRun(context, action, runId, { tenant, actor, reason });
    return { ...about, outcome: 'done' };
  } catch (thrown) {
    const { code, message } = toSluiceError(thrown);
    return { ...about, outcome: outcomeOf(code), error: { code, message } };
  }
}

type Outcome = Omit<BulkItem, 'runId' | 'workflowId'>;

async function rerunOne(context: RunContext, run: RunSummary, options: Acting): Promise<Outcome> {
  const { tenant, runId, definition } = run;
  const { actor, whileOpen, operationId } = options;
  await refuseRerun(context, run, options, rerunId(definition, runId, operationId));
  if (options.dryRun === true) {
    const reads = readsOf(context);
    return { outcome: 'would', repeats: await repeatedFrom(reads, run, await stepsOf(reads, run)) };
  }
  const started = await rerunRun(context, runId, { tenant, actor, whileOpen, operationId });
  return { outcome: 'done', started: { runId: started.runId, workflowId: started.workflowId } };
}

async function rewindOne(context: RunContext, run: RunSummary, options: Acting): Promise<Outcome> {
  const { tenant, runId } = run;
  const { actor, reason, stepPath, operationId } = options;
  await refuseRerun(context, run, options);
  const reads = readsOf(context);
  const steps = await stepsOf(reads, run);
  const named = stepPath === undefined ? undefined : steps.find(({ path }) => path === stepPath);
  const step =
    stepPath === undefined
      ? failedStep(runId, steps, (await findRun(context, runId, { tenant })).error?.stepPath ?? null)
      : { stepPath, iteration: named?.iteration ?? [] };
  if (options.dryRun === true) {
    await canRewind(context, runId, { tenant, ...step });
    return { outcome: 'would', step, repeats: await repeatedFrom(reads, run, steps, step) };
  }
  const id = createHash('sha256')
    .update(JSON.stringify([operationId, runId]))
    .digest('hex');
  await rewindRun(context, runId, {
    tenant,
    actor,
    reason,
    ...step,
    operationId: id.slice(0, REWIND_ID_CHARACTERS),
  });
  return { outcome: 'done', step };
}

/** Characters of the id of a rewind, which goes into idempotency keys. */
const REWIND_ID_CHARACTERS = 24;

/**
 * Refuses a run that has been re-run.
 * @param own the workflow id of the re-run that this operation makes; it does not count
 * @throws SluiceError RUN_RERUN
 */
async function refuseRerun(
  context: RunContext,
  { tenant, runId }: RunSummary,
  { rerunToo }: BulkOptions,
  own?: string,
): Promise<void> {
  if (rerunToo === true) return;
  const { items } = await readsOf(context).listRuns(tenant, { rerunOf: runId }, { limit: 2 });
  const other = items.find(({ workflowId }) => workflowId !== own);
  if (other === undefined) return;
  throw new SluiceError(
    'RUN_RERUN',
    `Run ${runId} was re-run as ${other.runId}, which is ${other.status}: its effects would be repeated.`,
    { details: { runId, rerun: other.runId } },
  );
}

function outcomeOf(code: string): BulkItem['outcome'] {
  if (code === 'OUTCOME_UNKNOWN') return 'unknown';
  return NOTHING_TO_DO.has(code) ? 'skipped' : 'failed';
}

function checkedOptions(
  action: BulkAction,
  filter: RunFilter,
  { concurrency = CONCURRENCY_DEFAULT, limit = Infinity, operationId = uuid(), all, stepPath }: BulkOptions,
  tenant: string,
): { readonly concurrency: number; readonly limit: number; readonly operationId: string } {
  const problems = [
    ...(['cancel', 'terminate', 'rerun', 'rewind'].includes(action)
      ? []
      : ['action: cancel, terminate, rerun or rewind']),
    ...(stepPath === undefined || action === 'rewind' ? [] : ['stepPath: only of a rewind']),
    ...(Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= CONCURRENCY_MOST
      ? []
      : [`concurrency: a whole number from 1 to ${CONCURRENCY_MOST}`]),
    ...(limit === Infinity || (Number.isInteger(limit) && limit >= 1)
      ? []
      : ['limit: a whole number from 1']),
    ...(/^[\w.-]{1,100}$/.test(operationId) ? [] : ['operationId: 1 to 100 letters, digits, _, - or .']),
    ...(all === true || Object.values(filter).some((value) => value !== undefined)
      ? []
      : [`The filter is empty and matches every run of tenant ${tenant}; pass all (--all) to confirm.`]),
  ];
  if (problems.length === 0) return { concurrency, limit, operationId };
  throw new SluiceError('INPUT_INVALID', problems.join('; '), { details: problems });
}
