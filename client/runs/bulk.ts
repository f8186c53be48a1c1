/**
 * The same operation on every run that fits.
 *
 * Invariants
 * - One run at a time is decided on its own: a failure is that run's item, and stops no other.
 * - Runs are taken in the order of the list, page by page; a run that leaves the list meanwhile (because it was
 *   cancelled, for example) moves no other one.
 * - Repeating a bulk re-run under the same operation id starts nothing twice: the workflow id of each new run is made
 *   of the source run and the operation id, and is never used again.
 * - A filter that fits every run of the tenant has to be meant: `all`.
 */
import { v7 as uuid } from 'uuid';
import { SluiceError, toSluiceError } from '../../contracts/errors.js';
import { TERMINAL_RUN_STATUSES } from '../../contracts/run/run.js';
import type { RunFilter, RunSummary } from '../../projections/index.js';
import { everything } from '../reads/reads.js';
import { readsOf, type ActOptions, type RunContext } from './context.js';
import { rerunRun } from './rerun.js';
import { stopRun } from './stop-run.js';

export type BulkAction = 'cancel' | 'terminate' | 'rerun';

export interface BulkOptions extends ActOptions {
  /** True: only says which runs it would be. */
  readonly dryRun?: boolean | undefined;
  /** How many runs at once; 1 to 50, default 8. */
  readonly concurrency?: number | undefined;
  /** At most so many runs are acted on; default: all that fit. */
  readonly limit?: number | undefined;
  /** Of a re-run: makes a repetition harmless. Default: a new one. At most 100 letters, digits, `_`, `-`, `.`. */
  readonly operationId?: string | undefined;
  /** Of a re-run: open runs too. */
  readonly whileOpen?: boolean | undefined;
  /** Has to be true where the filter is empty. */
  readonly all?: boolean | undefined;
  /** Aborted: no further run is begun; those that are under way end. */
  readonly signal?: AbortSignal | undefined;
}

/** What came of one run. */
export interface BulkItem {
  readonly runId: string;
  readonly workflowId: string;
  /** `would`: a dry run; `skipped`: there was nothing to do, the error says why. */
  readonly outcome: 'done' | 'would' | 'skipped' | 'failed';
  readonly error?: { readonly code: string; readonly message: string };
  /** Of a re-run: the new run. */
  readonly started?: { readonly runId: string; readonly workflowId: string };
}

/** Codes that say that nothing is to be done about a run. */
const NOTHING_TO_DO = new Set(['RUN_CLOSED', 'RUN_OPEN', 'WORKFLOW_ALREADY_STARTED']);

const MOST_AT_ONCE = 50;

/**
 * Does it, and tells of each run as it is done: not in the order of the list.
 * @throws SluiceError INPUT_INVALID, READS_NOT_CONFIGURED; what fails for one run is its item
 */
export async function* bulk(
  context: RunContext,
  action: BulkAction,
  filter: RunFilter,
  options: BulkOptions = {},
): AsyncGenerator<BulkItem, void> {
  const { concurrency, limit, operationId } = checkedOptions(action, filter, options);
  const tenant = options.tenant ?? context.tenant;
  const reads = readsOf(context);
  const under = new Map<number, Promise<{ readonly key: number; readonly item: BulkItem }>>();
  let begun = 0;
  const settled = async (): Promise<BulkItem> => {
    const { key, item } = await Promise.race(under.values());
    under.delete(key);
    return item;
  };
  for await (const run of everything((page) => reads.listRuns(tenant, filter, page))) {
    if (begun >= limit || options.signal?.aborted === true) break;
    if (!isMeant(action, run, options)) continue;
    const key = begun++;
    under.set(
      key,
      actOn(context, action, run, operationId, options).then((item) => ({ key, item })),
    );
    if (under.size >= concurrency) yield await settled();
  }
  while (under.size > 0) yield await settled();
}

/** Runs about which nothing is to be done are left out; what their row does not know yet, Temporal says. */
function isMeant(action: BulkAction, { status }: RunSummary, { whileOpen }: BulkOptions): boolean {
  const ended = TERMINAL_RUN_STATUSES.includes(status);
  return action === 'rerun' ? ended || whileOpen === true : !ended;
}

async function actOn(
  context: RunContext,
  action: BulkAction,
  { runId, workflowId, definition, tenant }: RunSummary,
  operationId: string,
  options: BulkOptions,
): Promise<BulkItem> {
  const about = { runId, workflowId };
  if (options.dryRun === true) return { ...about, outcome: 'would' };
  const { actor, reason, whileOpen } = options;
  try {
    if (action !== 'rerun') {
      await stopRun(context, action, runId, { tenant, actor, reason });
      return { ...about, outcome: 'done' };
    }
    const started = await rerunRun(context, runId, {
      tenant,
      actor,
      whileOpen,
      workflowId: `${definition}/rerun/${runId}/${operationId}`,
      reuse: 'never',
    });
    return {
      ...about,
      outcome: 'done',
      started: { runId: started.runId, workflowId: started.workflowId },
    };
  } catch (thrown) {
    const { code, message } = toSluiceError(thrown);
    return { ...about, outcome: NOTHING_TO_DO.has(code) ? 'skipped' : 'failed', error: { code, message } };
  }
}

function checkedOptions(
  action: BulkAction,
  filter: RunFilter,
  { concurrency = 8, limit = Infinity, operationId = uuid(), all }: BulkOptions,
): { readonly concurrency: number; readonly limit: number; readonly operationId: string } {
  const problems = [
    ...(['cancel', 'terminate', 'rerun'].includes(action) ? [] : ['action: cancel, terminate or rerun']),
    ...(Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= MOST_AT_ONCE
      ? []
      : [`concurrency: a whole number from 1 to ${MOST_AT_ONCE}`]),
    ...(limit === Infinity || (Number.isInteger(limit) && limit >= 1)
      ? []
      : ['limit: a whole number from 1']),
    ...(/^[\w.-]{1,100}$/.test(operationId) ? [] : ['operationId: 1 to 100 letters, digits, _, - or .']),
    ...(all === true || Object.values(filter).some((value) => value !== undefined)
      ? []
      : ['filter: an empty one fits every run of the tenant; if that is meant, say so (all, `--all`)']),
  ];
  if (problems.length === 0) return { concurrency, limit, operationId };
  throw new SluiceError('INPUT_INVALID', problems.join('; '), { details: problems });
}
