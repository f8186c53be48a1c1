/**
 * Tasks whose row and whose workflow differ, and open tasks of runs that have ended.
 *
 * Invariants
 * - The workflow of a task decides. A task whose workflow runs is only told that its run has ended, as the
 *   run itself tells it when it is cancelled; then it withdraws itself.
 * - A task whose workflow was ended from outside is withdrawn in its rows, by the same writer and with the
 *   next entry of its log. One that completed gets the decision that its workflow has.
 * - The run that waits for such a task is told, as its workflow would have told it: otherwise it never ends.
 * - A run that its row has as ended, and Temporal as open, was reset: its tasks stay.
 * - Tasks that Temporal does not know are withdrawn only where they are not a large share (pass.ts).
 */
import type { Logger } from 'pino';
import { toSluiceError } from '../../contracts/errors.js';
import { taskId } from '../../contracts/naming/workflow-id.js';
import { TaskAct } from '../../contracts/tasks/act.js';
import { decide } from '../../contracts/tasks/decide.js';
import { TASK_SIGNAL } from '../../contracts/tasks/messages.js';
import { REPORT_SIGNAL, type TaskReport } from '../../contracts/tasks/of-run.js';
import type { TaskWrite } from '../../contracts/tasks/record.js';
import { TaskDecision } from '../../contracts/tasks/task.js';
import type { OpenTask, Projections } from '../../projections/index.js';
import type { TemporalExecution, TemporalRuns } from './temporal-runs.js';

export interface TaskPassOptions {
  readonly projections: Projections;
  readonly temporal: TemporalRuns;
  readonly log: Logger;
  /** Age that a difference must have which a healthy task may show, ms. */
  readonly graceMs: number;
  readonly acceptVanished?: boolean | undefined;
  readonly stop: AbortSignal;
}

/** What a pass did to tasks. */
export interface TaskCounts {
  /** Tasks that were told that their run has ended. */
  tasksTold: number;
  /** Tasks whose rows were ended. */
  tasksEnded: number;
  /** Tasks that Temporal does not know, and that were left alone because they are so many. */
  tasksVanished: number;
  tasksFailed: number;
}

/** Tasks that vanished in one pass, from which on they may be a large share. */
const MANY_VANISHED = 10;
const LARGE_SHARE = 0.5;
const SLUICE = { account: 'sluice', roles: [], proven: true };

/** Visits every open task. */
export async function passTasks(options: TaskPassOptions): Promise<TaskCounts> {
  const counts: TaskCounts = { tasksTold: 0, tasksEnded: 0, tasksVanished: 0, tasksFailed: 0 };
  const { projections, temporal, acceptVanished, log, stop } = options;
  const vanished: OpenTask[] = [];
  let open = 0;
  for await (const page of projections.reconciliation.openTasks()) {
    if (stop.aborted) return counts;
    open += page.length;
    const running = await temporal.runningWorkflows(page.map(({ tenant, item }) => taskId(tenant, item)));
    for (const task of page) {
      const isRunning = running.has(taskId(task.tenant, task.item));
      await guarded(options, counts, task, async () => {
        if (isRunning) await tellEndOfRun(options, counts, task);
        else if (await endAsTemporal(options, counts, task)) vanished.push(task);
      });
    }
  }
  if (acceptVanished !== true && vanished.length >= MANY_VANISHED && vanished.length > open * LARGE_SHARE) {
    counts.tasksVanished = vanished.length;
    log.error(
      { vanished: vanished.length, open, example: vanished[0]?.item },
      'Temporal does not know a large share of the open tasks: none of them is ended. If their histories are gone for good, say so with `sluice reconcile --accept-vanished`',
    );
    return counts;
  }
  for (const task of vanished) {
    await guarded(options, counts, task, () =>
      withdraw(options, counts, task, 'Temporal does not know the workflow of the task'),
    );
  }
  return counts;
}

async function guarded(
  { log }: TaskPassOptions,
  counts: TaskCounts,
  { tenant, item }: OpenTask,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    const { code, message } = toSluiceError(error);
    counts.tasksFailed++;
    log.error({ tenant, item, code, error: message }, 'A task was not reconciled; the next pass tries again');
  }
}

async function tellEndOfRun(
  { temporal, log }: TaskPassOptions,
  counts: TaskCounts,
  { tenant, item, runEnded, state }: OpenTask,
): Promise<void> {
  const { run } = state.request;
  if (runEnded === undefined || run === undefined) return;
  const known = await temporal.find(run.workflowId, run.runId, run.runId);
  if (known?.run?.open === true) return;
  const end = { action: 'withdraw', reason: `The run that asked has ended: ${runEnded}` };
  await temporal.signal(taskId(tenant, item), TASK_SIGNAL, end);
  counts.tasksTold++;
  log.warn({ tenant, item, runId: run.runId, runEnded }, 'An open task was told that its run has ended');
}

/** @returns true: Temporal does not know the task */
async function endAsTemporal(options: TaskPassOptions, counts: TaskCounts, task: OpenTask): Promise<boolean> {
  const { temporal, graceMs } = options;
  const { tenant, item, execution, state } = task;
  const found = await temporal.find(taskId(tenant, item), execution, execution);
  if (found === undefined) return Date.now() - state.changedAt >= graceMs;
  if (found.run?.open !== false || Date.now() - found.run.closedAt < graceMs) return false;
  if (found.run.status === 'SUCCEEDED') {
    await complete(options, counts, task, found);
    return false;
  }
  await withdraw(options, counts, task, `Temporal has the workflow of the task as ${found.run.status}`);
  return false;
}

async function withdraw(
  options: TaskPassOptions,
  counts: TaskCounts,
  task: OpenTask,
  reason: string,
): Promise<void> {
  const act = TaskAct.parse({ requestId: 'reconciler', action: 'withdraw', actor: SLUICE.account, reason });
  const change = decide(task.state, act, SLUICE, Date.now());
  if (!('refused' in change)) {
    await write(options, counts, task, { ...change, given: { reason } });
  }
}

async function complete(
  options: TaskPassOptions,
  counts: TaskCounts,
  task: OpenTask,
  { workflowId, executionId }: TemporalExecution,
): Promise<void> {
  const decision = TaskDecision.parse(await options.temporal.resultOf(workflowId, executionId));
  const { status, at } = decision;
  const state = { ...task.state, status, claim: null, due: null, changedAt: at, decision };
  await write(options, counts, task, { state, action: 'reconciled', notices: [], given: null });
}

type Change = Pick<TaskWrite, 'state'> & {
  readonly action: string;
  readonly notices: readonly Omit<TaskWrite['notices'][number], 'at'>[];
  readonly given: TaskWrite['entries'][number]['given'];
};

async function write(
  { projections, temporal, log }: TaskPassOptions,
  counts: TaskCounts,
  { tenant, item, execution, seq }: OpenTask,
  { state, action, notices, given }: Change,
): Promise<void> {
  const at = Date.now();
  const { status, round, level, decision, request } = state;
  // First, so that a crash in between leaves the row open: the next pass tells the run again.
  const told: TaskReport = { item, decision, error: null };
  if (request.run !== undefined) await temporal.signal(request.run.workflowId, REPORT_SIGNAL, told);
  await projections.tasks.record(execution, {
    state,
    entries: [
      {
        ...{ seq: seq + 1, at, action, actor: SLUICE.account, roles: [], proven: true, requestId: null },
        ...{ given, status, round, level, refused: null },
      },
    ],
    notices: notices.map((notice) => ({ ...notice, at })),
  });
  counts.tasksEnded++;
  log.warn({ tenant, item, status, reason: decision?.reason }, 'A task was ended by the reconciler');
}
