/**
 * `sluice.recordTask`: writes what the workflow of a task did, and tells the run that waits for it how it has
 * ended.
 *
 * Invariant: the row is written before the run is told. So who finds an open row, and listens from before
 * that, misses no end. A repetition tells it again, which the run ignores.
 */
import { Context } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/common';
import { messageOf, SluiceError, toSluiceError } from '../../contracts/errors.js';
import { REPORT_SIGNAL, type TaskReport } from '../../contracts/tasks/of-run.js';
import { TaskWrite } from '../../contracts/tasks/record.js';
import type { ActivityDeps } from '../boundary/deps.js';
import { refusal, storeFailure } from '../boundary/failures.js';
import { parseOrRefuse } from '../boundary/parse.js';
import { claimedSignal } from '../claims/claims.js';

/**
 * @param first first run id of the task's workflow @param request a TaskWrite
 * @throws ApplicationFailure TASK_EXISTS; retryable while the database is away
 */
export async function recordTask(
  { projections }: ActivityDeps,
  request: unknown,
  first: unknown,
): Promise<void> {
  const write = parseOrRefuse(TaskWrite, request, 'The record of a task');
  if (Context.current().info.workflowExecution === undefined || typeof first !== 'string') {
    throw refusal(new SluiceError('INPUT_INVALID', 'Only the workflow of a task records it'));
  }
  const { item } = write.state.request;
  const { decision } = write.state;
  try {
    try {
      await projections.tasks.record(first, write);
    } catch (error) {
      const { code, message } = toSluiceError(error);
      if (code === 'TASK_EXISTS') await report(write, { item, decision: null, error: { code, message } });
      throw error;
    }
    if (decision !== null) await report(write, { item, decision, error: null });
  } catch (error) {
    throw storeFailure(error);
  }
}

/** @throws SluiceError TEMPORAL_UNAVAILABLE */
async function report({ state }: TaskWrite, told: TaskReport): Promise<void> {
  const { run } = state.request;
  if (run === undefined) return;
  try {
    const handle = Context.current().client.workflow.getHandle(run.workflowId);
    await handle.signal(REPORT_SIGNAL, claimedSignal(REPORT_SIGNAL, told));
  } catch (error) {
    // The run has ended: no step waits.
    if (error instanceof WorkflowNotFoundError) return;
    const message = `The run was not told how its task ended: ${messageOf(error)}`;
    throw new SluiceError('TEMPORAL_UNAVAILABLE', message, { cause: error });
  }
}
