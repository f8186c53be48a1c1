/** `sluice.recordTask`: writes what the workflow of a task did. */
import { Context } from '@temporalio/activity';
import { SluiceError } from '../../contracts/errors.js';
import { TaskWrite } from '../../contracts/tasks/record.js';
import type { ActivityDeps } from '../boundary/deps.js';
import { refusal, storeFailure } from '../boundary/failures.js';
import { parseOrRefuse } from '../boundary/parse.js';

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
  try {
    await projections.tasks.record(first, write);
  } catch (error) {
    throw storeFailure(error);
  }
}
