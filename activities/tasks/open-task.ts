/**
 * `sluice.openTask`: starts the task of a step, or finds the one that was started before.
 *
 * Invariants
 * - A repetition, and the same step after a reset, find the same task: an open one is adopted, one that was
 *   decided gives its decision. One that ended without an answer, or was terminated, is followed by another.
 * - No decision is lost between this look and the report: a task writes its row before it reports to the run,
 *   and the run takes reports from before this activity begins.
 */
import { Context } from '@temporalio/activity';
import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/common';
import { messageOf, SluiceError } from '../../contracts/errors.js';
import { taskId } from '../../contracts/naming/workflow-id.js';
import { WORKFLOW_TYPES } from '../../contracts/run/messages.js';
import {
  endedUnanswered,
  followUp,
  MOST_FOLLOW_UPS,
  OpenTask,
  type OpenedTask,
} from '../../contracts/tasks/of-run.js';
import type { TaskDecision, TaskRequest } from '../../contracts/tasks/task.js';
import type { ActivityDeps } from '../boundary/deps.js';
import { storeFailure } from '../boundary/failures.js';
import { parseOrRefuse } from '../boundary/parse.js';
import { systemClaim } from '../claims/claims.js';
import { readCalendar } from './calendars.js';

/**
 * @param request a TaskRequest
 * @throws ApplicationFailure INPUT_INVALID, CALENDAR_NOT_FOUND; retryable while the database or Temporal is
 *   away
 */
export async function openTask({ projections }: ActivityDeps, request: unknown): Promise<OpenedTask> {
  const asked = parseOrRefuse(OpenTask, request, 'The request of a task');
  const ended = async (item: string): Promise<TaskDecision | null> =>
    (await projections.tasks.get(asked.tenant, item))?.decision ?? null;
  // The step fails with the reason, and not the workflow of a task that has begun.
  if (asked.calendar !== undefined) {
    await readCalendar({ projections }, { tenant: asked.tenant, name: asked.calendar });
  }
  try {
    for (let n = 1; n <= MOST_FOLLOW_UPS; n++) {
      const item = followUp(asked.item, n);
      const known = await ended(item);
      if (known !== null && endedUnanswered(known.status)) continue;
      if (known !== null) return { item, decision: known };
      if (await start({ ...asked, item })) return { item, decision: null };
      // It ended in between, or ended without writing how.
      const late = await ended(item);
      if (late !== null && !endedUnanswered(late.status)) return { item, decision: late };
    }
    throw new SluiceError('TASK_EXISTS', `The step has asked ${MOST_FOLLOW_UPS} times without an answer`);
  } catch (error) {
    throw storeFailure(error);
  }
}

/** Starts the workflow of a task, unless it runs. @returns false: it has ended */
async function start(request: TaskRequest): Promise<boolean> {
  const { client, info } = Context.current();
  const workflowId = taskId(request.tenant, request.item);
  try {
    await client.workflow.start(WORKFLOW_TYPES.task, {
      args: [request],
      workflowId,
      taskQueue: info.taskQueue,
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      priority: { fairnessKey: request.tenant },
      ...systemClaim(client, WORKFLOW_TYPES.task, request),
    });
    return true;
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw away(error);
  }
  try {
    const { status } = await client.workflow.getHandle(workflowId).describe();
    return status.name === 'RUNNING' || status.name === 'CONTINUED_AS_NEW';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw away(error);
  }
}

function away(error: unknown): SluiceError {
  return new SluiceError('TEMPORAL_UNAVAILABLE', `Temporal did not start the task: ${messageOf(error)}`, {
    cause: error,
  });
}
