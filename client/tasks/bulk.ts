/**
 * The same act on every open task that matches a filter.
 *
 * Invariants
 * - Each task decides by itself: a refusal is that task's line, and stops no other.
 * - The tasks are chosen before the first act, in the order of the inbox: an act moves a task in its lists.
 * - A repetition under the same request id acts once on each task.
 * - A filter that matches every open task of the tenant needs an explicit `all`.
 */
import { SluiceError, toSluiceError } from '../../contracts/errors.js';
import { TASK_TABLE, type TaskAct } from '../../contracts/tasks/act.js';
import { TaskFilter, type TaskSummary } from '../../contracts/tasks/record.js';
import { parseOrRefuse, withoutUndefined } from '../connection/input.js';
import { allItems } from '../reads/reads.js';
import { readsOf, type RunContext } from '../runs/context.js';
import { sendAct } from './act.js';

/** Which tasks, and how. */
export interface TaskBulk {
  /** Only open tasks count. */
  readonly filter?: TaskFilter | undefined;
  /** True: say what would be done, by the status of each task, and do nothing. */
  readonly dryRun?: boolean | undefined;
  /** Must be true if the filter is empty. */
  readonly all?: boolean | undefined;
  /** On abort no further act is begun. */
  readonly signal?: AbortSignal | undefined;
}

/** The outcome for one task. */
export interface TaskBulkItem {
  readonly item: string;
  readonly title: string;
  /** `would`: a dry run; `unknown`: the answer was lost, so it may have happened. */
  readonly outcome: 'done' | 'would' | 'unknown' | 'failed';
  /** After the act. */
  readonly status: string;
  readonly error?: { readonly code: string; readonly message: string };
}

/** @throws SluiceError INPUT_INVALID, READS_NOT_CONFIGURED; a failure for one task is its item */
export async function* bulkTasks(
  context: RunContext,
  act: TaskAct,
  { tenant, filter = {}, dryRun = false, all = false, signal }: TaskBulk & { readonly tenant: string },
): AsyncGenerator<TaskBulkItem, void> {
  if (!all && Object.values(filter).every((value) => value === undefined)) {
    throw new SluiceError(
      'INPUT_INVALID',
      `The filter is empty and matches every open task of tenant ${tenant}; pass all to confirm.`,
    );
  }
  const reads = readsOf(context);
  const wanted = { ...parseOrRefuse(TaskFilter, withoutUndefined(filter)), onlyOpen: true };
  // By name: one that becomes late between two pages may be on both.
  const chosen = new Map<string, TaskSummary>();
  for await (const task of allItems((page) => reads.listTasks(tenant, wanted, page))) {
    chosen.set(task.item, task);
  }
  for (const { item, title, status } of chosen.values()) {
    if (signal?.aborted === true) return;
    const line = { item, title };
    if (dryRun) {
      const possible = TASK_TABLE[act.action].from.includes(status);
      const error = { code: 'TASK_ACTION_ILLEGAL', message: `${act.action} is not possible while ${status}` };
      yield possible ? { ...line, outcome: 'would', status } : { ...line, outcome: 'failed', status, error };
      continue;
    }
    try {
      yield { ...line, outcome: 'done', status: (await sendAct(context, { tenant, item }, act)).status };
    } catch (thrown) {
      const { code, message } = toSluiceError(thrown);
      const outcome = code === 'OUTCOME_UNKNOWN' ? 'unknown' : 'failed';
      yield { ...line, outcome, status, error: { code, message } };
    }
  }
}
