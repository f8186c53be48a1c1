/**
 * One act on a task: an update of its workflow.
 *
 * Invariants
 * - The same request gets its first answer, also after the task has ended: the update id is made of request,
 *   action and actor. Another act under the same request id reaches the workflow, which refuses it.
 * - An answer that was lost is looked for under that id; what is not known is OUTCOME_UNKNOWN.
 */
import {
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  type WorkflowHandle,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { isErrorCode, messageOf, SluiceError } from '../../contracts/errors.js';
import { taskId } from '../../contracts/naming/workflow-id.js';
import type { TaskAct } from '../../contracts/tasks/act.js';
import { TASK_UPDATE } from '../../contracts/tasks/messages.js';
import { TaskAnswer } from '../../contracts/tasks/record.js';
import { claimedSignal } from '../claims/claims.js';
import { callTemporal } from '../connection/errors.js';
import { LOOK_LIMIT_MS, settled } from '../connection/outcome.js';
import type { RunContext } from '../runs/context.js';

/** How long an act may take: its check, its transaction, and a worker that is restarting, ms. */
const ACT_LIMIT_MS = 30_000;
/** What Temporal answers where the workflow ended before it could answer. */
const ENDED_BEFORE = 'AcceptedUpdateCompletedWorkflow';

/**
 * Sends an act.
 * @throws SluiceError the code with which the task refuses it; TASK_NOT_FOUND, TASK_CLOSED,
 *   TEMPORAL_UNAVAILABLE, OUTCOME_UNKNOWN
 */
export async function sendAct(context: RunContext, target: TaskPlace, act: TaskAct): Promise<TaskAnswer> {
  const { temporal, call } = context;
  const workflowId = taskId(target.tenant, target.item);
  const handle = temporal.workflow.getHandle(workflowId);
  const { requestId, action, actor } = act;
  const updateId = `${requestId}:${action}:${actor}`;
  const within = <T>(ms: number, work: () => Promise<T>): Promise<T> =>
    temporal.withDeadline(Date.now() + ms, () => work().catch(bare));
  const send = (): Promise<unknown> =>
    within(ACT_LIMIT_MS, () =>
      handle.executeUpdate<unknown, [unknown]>(TASK_UPDATE, {
        args: [claimedSignal(temporal, TASK_UPDATE, act)],
        updateId,
      }),
    );
  const look = (): Promise<unknown> =>
    within(LOOK_LIMIT_MS, () => handle.getUpdateHandle<unknown>(updateId).result());
  const unknown = {
    what: `task ${target.item} took the act ${action}`,
    details: { item: target.item, requestId },
  };
  return await callTemporal({ ...call, workflowId }, async () => {
    try {
      return TaskAnswer.parse(await settled(unknown, send, () => refusable(look)));
    } catch (thrown) {
      if (thrown instanceof WorkflowUpdateFailedError) throw refusalOf(thrown);
      if (!(thrown instanceof WorkflowNotFoundError)) throw thrown;
    }
    const first = await firstAnswer(look);
    if (first !== undefined) return TaskAnswer.parse(first);
    throw await gone(context, target, handle);
  });
}

/** Which task. */
export interface TaskPlace {
  readonly tenant: string;
  readonly item: string;
}

/** The SDK wraps the error of a call that took too long. */
function bare(thrown: unknown): never {
  throw thrown instanceof WorkflowUpdateRPCTimeoutOrCancelledError ? (thrown.cause ?? thrown) : thrown;
}

/** The look's answer, or the refusal that it finds. */
async function refusable(look: () => Promise<unknown>): Promise<unknown> {
  try {
    return await look();
  } catch (thrown) {
    if (thrown instanceof WorkflowUpdateFailedError) throw refusalOf(thrown);
    throw thrown;
  }
}

/** The answer that a request got before the task ended; undefined: it got none. */
async function firstAnswer(look: () => Promise<unknown>): Promise<unknown> {
  try {
    return await refusable(look);
  } catch (thrown) {
    if (thrown instanceof WorkflowNotFoundError) return undefined;
    throw thrown;
  }
}

function refusalOf({ cause }: WorkflowUpdateFailedError): SluiceError {
  const type = cause instanceof ApplicationFailure ? cause.type : undefined;
  if (type === ENDED_BEFORE) return new SluiceError('TASK_CLOSED', 'The task has ended', { cause });
  const code = isErrorCode(type) ? type : 'INTERNAL';
  return new SluiceError(code, messageOf(cause), { cause });
}

/** Why no workflow took the act. */
async function gone(
  { reads }: RunContext,
  { tenant, item }: TaskPlace,
  handle: WorkflowHandle,
): Promise<SluiceError> {
  const row = await reads?.getTask(tenant, item);
  if (row?.decision) return new SluiceError('TASK_CLOSED', `The task ${item} is ${row.status}`);
  try {
    await handle.describe();
    return new SluiceError('TASK_CLOSED', `The task ${item} has ended`);
  } catch (thrown) {
    if (!(thrown instanceof WorkflowNotFoundError)) throw thrown;
    return new SluiceError('TASK_NOT_FOUND', `Tenant ${tenant} has no task ${item}.`);
  }
}
