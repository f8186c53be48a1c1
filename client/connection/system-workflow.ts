/**
 * Runs Sluice's system workflows, such as `sluice.publish`, and waits for their result.
 *
 * Invariant: "no worker took it" is said only if the history has its cancellation before any worker's
 * start. What began, or may have begun, is never reported as not done.
 */
import type { Client } from '@temporalio/client';
import { v7 as uuid } from 'uuid';
import { SluiceError } from '../../contracts/errors.js';
import type { Json } from '../../contracts/json.js';
import { historyOf } from '../../contracts/temporal-history.js';
import { systemClaim } from '../claims/claims.js';
import { callTemporal, type CallContext } from './errors.js';
import { settled, unknownOutcome } from './outcome.js';
import { startWorkflow } from './start.js';

/** Publishing is one activity. If it takes longer than this, no worker polls, or the database is away, ms. */
const LIMIT_MS = 60_000;
/** Length of a history whose first workflow task a worker has taken. */
const TAKEN = 3;

export interface SystemCall {
  readonly type: string;
  readonly request: Json;
  /** Whose share of the workers it is of. */
  readonly tenant: string;
  /** The end of the workflow id, if two of these must not run at once. Such a call has no limit of time. */
  readonly exclusive?: string | undefined;
}

/**
 * Runs a system workflow.
 * @param limitMs how long the caller waits
 * @throws SluiceError WORKER_NOT_FOUND where no worker took it, so that nothing will happen;
 *   PUBLISH_UNFINISHED where one did, and goes on; OUTCOME_UNKNOWN; the error of the workflow
 */
export async function runSystemWorkflow(
  temporal: Client,
  context: CallContext,
  { type, request, tenant, exclusive }: SystemCall,
  limitMs = LIMIT_MS,
): Promise<unknown> {
  const { taskQueue } = context;
  const workflowId = `${type}/${exclusive ?? uuid()}`;
  const act = { what: `${workflowId} has ended`, details: { workflowId } };
  /** After the start nothing is "not done": a question that fails leaves the outcome open. */
  const call = <T>(work: () => Promise<T>): Promise<T> =>
    callTemporal({ ...context, workflowId }, () => settled(act, work, () => Promise.resolve(undefined)));
  const priority = { fairnessKey: tenant };
  const start = {
    ...{ args: [request], workflowId, taskQueue, priority },
    ...systemClaim(temporal, type, request),
  };
  const { runId } = await startWorkflow(temporal, context, type, start);
  const handle = temporal.workflow.getHandle(workflowId, runId);
  const result = call(() => handle.result() as Promise<unknown>);
  // The retry of a dead letter takes as long as the action that it retries.
  if (exclusive !== undefined) return await result;
  const end = result.then(
    (value) => ({ value }) as const,
    (error: unknown) => ({ error }) as const,
  );
  const outcome = await within(end, limitMs);
  if (outcome === undefined) return await giveUp();
  if ('error' in outcome) throw outcome.error;
  return outcome.value;

  async function giveUp(): Promise<unknown> {
    const seconds = limitMs / 1_000;
    const { historyLength } = await call(() => handle.describe());
    if (historyLength >= TAKEN) {
      throw new SluiceError('PUBLISH_UNFINISHED', `${workflowId} did not end within ${seconds} s.`);
    }
    // Temporal accepts this for a workflow that has just ended, too.
    await call(() => handle.cancel());
    if (await call(() => takenBeforeCancel(temporal, workflowId, runId))) {
      const { closeTime } = await call(() => handle.describe());
      if (closeTime !== undefined) return await result;
      throw unknownOutcome(act, 'a worker took it as its caller gave up');
    }
    throw new SluiceError(
      'WORKER_NOT_FOUND',
      `No worker on task queue ${taskQueue} took ${workflowId} within ${seconds} s.`,
    );
  }
}

/** Whether a worker took the workflow before its cancellation. */
async function takenBeforeCancel(temporal: Client, workflowId: string, runId: string): Promise<boolean> {
  for await (const event of historyOf(temporal, workflowId, runId)) {
    if (event.workflowExecutionCancelRequestedEventAttributes) return false;
    if (event.workflowTaskStartedEventAttributes) return true;
  }
  return true;
}

/** The value; undefined where it takes longer. */
async function within<T>(value: Promise<T>, limitMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), limitMs);
  });
  try {
    return await Promise.race([value, late]);
  } finally {
    clearTimeout(timer);
  }
}
