/**
 * Erases runs, or all of a correlation key: their values go from Temporal, the database, dead letters
 * and stored answers; rows stay that say that something happened, when, by whom and how it ended.
 *
 * Invariants
 * - Nothing begins before each run is closed in Temporal and in its row, and each event is routed.
 * - [erasure-can-be-repeated] Each part is done whole or not at all, and in an order in which what is
 *   left is found again: events that only these runs had, then their tasks, then the runs, children first
 *   and Temporal before the row, then the events of the key. So an erasure that broke off, or runs twice at
 *   once, is asked for again.
 */
import { SluiceError } from '../../contracts/errors.js';
import type { ErasableTask, Erasure, ErasureScope, ErasureTarget } from '../../projections/index.js';
import { taskId } from '../../contracts/naming/workflow-id.js';
import { TERMINAL_RUN_STATUSES, type RunRef } from '../../contracts/run/run.js';
import { isOpen } from '../../contracts/tasks/task.js';
import { callTemporal } from '../connection/errors.js';
import type { RunContext } from '../runs/context.js';
import { askToDelete, awaitDeleted, executionsOf, refuseOpen } from './executions.js';
import type { EraseRequest, ErasureReport } from './report.js';

type Context = Pick<RunContext, 'temporal' | 'call' | 'tenant'>;

/**
 * Erases, or says what would be erased.
 * @throws SluiceError RUN_NOT_FOUND, RUN_OPEN, ERASURE_TOO_EARLY, ERASURE_UNFINISHED, INPUT_INVALID,
 *   TEMPORAL_*, DATABASE_*
 */
export async function erase(
  context: Context,
  erasure: Erasure,
  { tenant = context.tenant, dryRun = false, ...wanted }: EraseRequest,
): Promise<ErasureReport> {
  const target = targetOf(wanted);
  const scope = await erasure.scope(tenant, target);
  if (scope.missing.length > 0) {
    throw new SluiceError('RUN_NOT_FOUND', `Tenant ${tenant} has no run ${scope.missing.join(', ')}.`, {
      details: { tenant, runIds: [...scope.missing] },
    });
  }
  const onTemporal = <T>({ workflowId }: Pick<RunRef, 'workflowId'>, call: () => Promise<T>): Promise<T> =>
    callTemporal({ ...context.call, workflowId }, call);
  let executions = 0;
  const had = new Map<string, Awaited<ReturnType<typeof executionsOf>>>();
  for (const run of scope.runs) {
    const ids = await erasure.executions(tenant, run.runId);
    const found = await onTemporal(run, () => executionsOf(context.temporal, run, ids));
    refuseOpen(run, found);
    had.set(run.runId, found);
    executions += found.length;
  }
  const tasks: FoundTask[] = [];
  const asked: { readonly task: ErasableTask; readonly runId: string | null }[] = [];
  for (const { runId, definition } of scope.runs) {
    for (const task of await erasure.tasks(tenant, { runId, definition })) asked.push({ task, runId });
  }
  const ofRuns = new Set(asked.map(({ task }) => task.item));
  for (const task of scope.tasks) if (!ofRuns.has(task.item)) asked.push({ task, runId: null });
  for (const { task, runId } of asked) {
    const workflow = { runId: task.execution, workflowId: taskId(tenant, task.item) };
    if (isOpen(task)) {
      throw new SluiceError(
        'ERASURE_TOO_EARLY',
        `The task ${task.item}${runId === null ? '' : ` of run ${runId}`} is open: end it first.`,
        { details: { item: task.item, runId } },
      );
    }
    const found = await onTemporal(workflow, () =>
      executionsOf(context.temporal, workflow, [task.execution]),
    );
    refuseOpen(workflow, found);
    tasks.push({ ...task, run: runId, workflow, found });
    executions += found.length;
  }
  refuseUnfinished(scope);
  const things = {
    tenant,
    runs: scope.runs,
    events: scope.events,
    ...('correlationKey' in target && { correlationKey: target.correlationKey }),
  };
  const traces = await erasure.eraseTraces(things, dryRun);
  if (!dryRun) {
    const eraseEvents = async (ofKey: boolean): Promise<void> => {
      for (const event of scope.events.filter((one) => one.ofKey === ofKey)) {
        await erasure.eraseEvent({ tenant, ...event });
      }
    };
    await eraseEvents(false);
    await eraseTasks(context.temporal, erasure, { tenant, tasks, onTemporal });
    // Temporal takes its time, for all of them at once.
    for (const run of scope.runs) {
      await onTemporal(run, () => askToDelete(context.temporal, run, had.get(run.runId) ?? []));
    }
    for (const run of scope.runs) {
      const ids = (had.get(run.runId) ?? []).map(({ id }) => id);
      await onTemporal(run, () => awaitDeleted(context.temporal, run, ids));
      await erasure.eraseRun(tenant, run.runId);
    }
    await eraseEvents(true);
  }
  return {
    dryRun,
    runs: scope.runs.map(({ runId, workflowId, status, erasedAt }) => ({
      ...{ runId, workflowId, status, before: erasedAt },
    })),
    events: scope.events.map(({ source, id, name, erased }) => ({ source, id, name, before: erased })),
    tasks: tasks.map(({ item, status, run }) => ({ item, runId: run, status })),
    executions,
    ...traces,
    related: { runs: [...scope.related.runs], events: [...scope.related.events] },
  };
}

/** A task, with the executions that Temporal has of it. */
interface FoundTask extends ErasableTask {
  /** The run that has asked for it; null: none has. */
  readonly run: string | null;
  readonly workflow: RunRef;
  readonly found: Awaited<ReturnType<typeof executionsOf>>;
}

/** Temporal first, for all of them at once, then the rows; their runs go later, so they are found again. */
async function eraseTasks(
  temporal: Context['temporal'],
  erasure: Erasure,
  {
    tenant,
    tasks,
    onTemporal,
  }: {
    readonly tenant: string;
    readonly tasks: readonly FoundTask[];
    readonly onTemporal: <T>(of: RunRef, call: () => Promise<T>) => Promise<T>;
  },
): Promise<void> {
  for (const { workflow, found } of tasks) {
    await onTemporal(workflow, () => askToDelete(temporal, workflow, found));
  }
  for (const task of tasks) {
    const ids = task.found.map(({ id }) => id);
    await onTemporal(task.workflow, () => awaitDeleted(temporal, task.workflow, ids));
    await erasure.eraseTask(tenant, task);
  }
}

/** @throws SluiceError INPUT_INVALID */
function targetOf({ runIds = [], correlationKey }: EraseRequest): ErasureTarget {
  if (correlationKey === undefined && runIds.length > 0) return { runIds };
  if (correlationKey !== undefined && correlationKey !== '' && runIds.length === 0) return { correlationKey };
  throw new SluiceError('INPUT_INVALID', 'Name runs, or one correlation key.');
}

function refuseUnfinished({ runs, events }: ErasureScope): void {
  const open = runs.filter(({ status }) => !TERMINAL_RUN_STATUSES.includes(status));
  if (open.length > 0) {
    const ids = open.map(({ runId }) => runId);
    throw new SluiceError('RUN_OPEN', `The rows of ${ids.join(', ')} have not ended.`, {
      details: { runIds: ids },
    });
  }
  const waiting = events.filter(({ routed }) => !routed);
  if (waiting.length === 0) return;
  const places = waiting.map(({ source, id }) => ({ source, id }));
  throw new SluiceError('ERASURE_TOO_EARLY', `${waiting.length} events are still being routed.`, {
    details: { events: places },
  });
}
