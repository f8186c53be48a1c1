/**
 * `sluice.actOnTask`: passes an act on that someone signalled to the run, for those who have only the Web UI.
 *
 * Invariant: it proves nothing. Where workers check claims, the act counts as one that nothing proves; the
 * update id is that of the act, so a repetition acts once.
 */
import { Context } from '@temporalio/activity';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import { messageOf, SluiceError } from '../../contracts/errors.js';
import { isJsonObject } from '../../contracts/json.js';
import { taskId } from '../../contracts/naming/workflow-id.js';
import { ActOnTask, type ActedOnTask } from '../../contracts/tasks/of-run.js';
import { TASK_UPDATE } from '../../contracts/tasks/messages.js';
import { storeFailure } from '../boundary/failures.js';
import { parseOrRefuse } from '../boundary/parse.js';

/**
 * @param request an ActOnTask
 * @throws ApplicationFailure INPUT_INVALID; retryable while Temporal is away
 */
export async function actOnTask(request: unknown): Promise<ActedOnTask> {
  const { tenant, item, act } = parseOrRefuse(ActOnTask, request, 'An act on a task');
  const id = isJsonObject(act) ? act['requestId'] : undefined;
  const handle = Context.current().client.workflow.getHandle(taskId(tenant, item));
  try {
    await handle.executeUpdate(TASK_UPDATE, {
      args: [act],
      ...(typeof id === 'string' && { updateId: id }),
    });
    return { refused: null };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { refused: 'TASK_CLOSED: The task has ended' };
    if (error instanceof WorkflowUpdateFailedError) {
      const { cause } = error;
      const code = cause !== undefined && 'type' in cause ? `${String(cause.type)}: ` : '';
      return { refused: `${code}${messageOf(cause)}` };
    }
    const message = `Temporal did not take the act: ${messageOf(error)}`;
    throw storeFailure(new SluiceError('TEMPORAL_UNAVAILABLE', message, { cause: error }));
  }
}
