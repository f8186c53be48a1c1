/**
 * The same act on every run that matches a filter.
 *
 * Invariants
 * - Each run is decided by itself: a failure is that run's item, and stops no other run. What is not known
 *   counts neither as done nor as failed.
 * - Runs are taken in the order of the list, page by page. A run that leaves the list meanwhile (because it
 *   was cancelled, for example) shifts no other run.
 * - Repeating a bulk re-run under the same operation id starts nothing twice: the workflow id of each new run
 *   consists of the source run and the operation id, and is never used again.
 * - A filter that matches every run of the tenant needs an explicit `all`.
 */
import { v7 as uuid } from 'uuid';
import { SluiceError, toSluiceError } from '../../contracts/errors.js';
import { TERMINAL_RUN_STATUSES } from '../../contracts/run/run.js';
import type { RunFilter, RunSummary } from '../../projections/index.js';
import { allItems } from '../reads/reads.js';
import { readsOf, type ActOptions, type RunContext } from './context.js';
import { hideSummary, matchesShown } from './redactors.js';
import { rerunRun } from './rerun.js';
import { stopRun } from './stop-run.js';

export type BulkAction = 'cancel' | 'terminate' | 'rerun';

export interface BulkOptions extends ActOptions {
  /** True: list the runs that would be acted on, and do nothing. */
  readonly dryRun?: boolean | undefined;
  /** Runs acted on at once: 1 to 50, default 8. */
  readonly concurrency?: number | undefined;
  /** Most runs to act on; default: all that match. */
  readonly limit?: number | undefined;
  /** Makes a repeated re-run harmless: 1 to 100 letters, digits, `_`, `-`, `.`. Default: a new one. */
  readonly operationId?: string | undefined;
  /** True: re-run open runs too. */
  readonly whileOpen?: boolean | undefined;
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
}

/** Errors that mean that there is nothing to do about a run. */
const NOTHING_TO_DO = new Set(['RUN_CLOSED', 'RUN_OPEN', 'WORKFLOW_ALREADY_STARTED']);

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
function needsAct(action: BulkAction, { status }: RunSummary, { whileOpen }: BulkOptions): boolean {
  const ended = TERMINAL_RUN_STATUSES.includes(status);
  return action === 'rerun' ? ended || whileOpen === true : !ended;
}

async function actOn(
  context: RunContext,
  action: BulkAction,
  { runId, workflowId, tenant }: RunSummary,
  options: BulkOptions & { readonly operationId: string },
): Promise<BulkItem> {
  const about = { runId, workflowId };
  if (options.dryRun === true) return { ...about, outcome: 'would' };
  const { actor, reason, whileOpen, operationId } = options;
  try {
    if (action !== 'rerun') {
      await stopRun(context, action, runId, { tenant, actor, reason });
      return { ...about, outcome: 'done' };
    }
    const started = await rerunRun(context, runId, {
      tenant,
      actor,
      whileOpen,
      operationId,
    });
    return {
      ...about,
      outcome: 'done',
      started: { runId: started.runId, workflowId: started.workflowId },
    };
  } catch (thrown) {
    const { code, message } = toSluiceError(thrown);
    return { ...about, outcome: outcomeOf(code), error: { code, message } };
  }
}

function outcomeOf(code: string): BulkItem['outcome'] {
  if (code === 'OUTCOME_UNKNOWN') return 'unknown';
  return NOTHING_TO_DO.has(code) ? 'skipped' : 'failed';
}

function checkedOptions(
  action: BulkAction,
  filter: RunFilter,
  { concurrency = CONCURRENCY_DEFAULT, limit = Infinity, operationId = uuid(), all }: BulkOptions,
  tenant: string,
): { readonly concurrency: number; readonly limit: number; readonly operationId: string } {
  const problems = [
    ...(['cancel', 'terminate', 'rerun'].includes(action) ? [] : ['action: cancel, terminate or rerun']),
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
