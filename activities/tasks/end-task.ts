/**
 * `sluice.endTask`: ends a task of a run without a decision. Its run was cancelled, has lost a race, or was
 * rewound.
 *
 * Invariant: a task that has ended stays as it is, so a repetition changes nothing.
 */
import { Context } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/common';
import { messageOf, SluiceError } from '../../contracts/errors.js';
import { taskId } from '../../contracts/naming/workflow-id.js';
import { EndTask, followUp, MOST_FOLLOW_UPS } from '../../contracts/tasks/of-run.js';
import { TASK_SIGNAL } from '../../contracts/tasks/messages.js';
import type { ActivityDeps } from '../boundary/deps.js';
import { storeFailure } from '../boundary/failures.js';
import { parseOrRefuse } from '../boundary/parse.js';
import { claimedSignal } from '../claims/claims.js';

/**
 * @param request an EndTask
 * @throws ApplicationFailure INPUT_INVALID; retryable while the database or Temporal is away
 */
export async function endTask({ projections }: ActivityDeps, request: unknown): Promise<void> {
  const { tenant, item: base, action, reason } = parseOrRefuse(EndTask, request, 'The end of a task');
  try {
    for (let n = 1; n <= MOST_FOLLOW_UPS; n++) {
      const item = followUp(base, n);
      if (await signal(taskId(tenant, item), { action, reason })) return;
      // Not there, or ended. A follow-up exists only after one that has ended.
      if ((await projections.tasks.get(tenant, item)) === undefined) return;
    }
  } catch (error) {
    throw storeFailure(error);
  }
}

/** @returns false: no such workflow runs */
async function signal(workflowId: string, end: object): Promise<boolean> {
  try {
    const handle = Context.current().client.workflow.getHandle(workflowId);
    await handle.signal(TASK_SIGNAL, claimedSignal(TASK_SIGNAL, end));
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    const message = `Temporal did not end the task: ${messageOf(error)}`;
    throw new SluiceError('TEMPORAL_UNAVAILABLE', message, { cause: error });
  }
}
