/** `sluice.flushEvents`: commits the run events that no action carries. */
import { Context } from '@temporalio/activity';
import { SluiceError } from '../contracts/errors.js';
import { FlushRequest, type FlushResult } from '../contracts/run/activity.js';
import { signalPrints } from '../contracts/run/signal-prints.js';
import type { ActivityDeps } from './boundary/deps.js';
import { refusal, storeFailure } from './boundary/failures.js';
import { parseOrRefuse } from './boundary/parse.js';
import { deliverMissed } from './events/deliver-missed.js';

/**
 * Commits events, then sends the run the events that came before its new waits.
 * @param request a FlushRequest
 * @returns which events of signals it committed
 * @throws ApplicationFailure non-retryable: INPUT_INVALID, PROJECTION_CONFLICT, TRANSITION_ILLEGAL; retryable
 * while the database or Temporal is away
 */
export async function flushEvents({ projections }: ActivityDeps, request: unknown): Promise<FlushResult> {
  const { run, events } = parseOrRefuse(FlushRequest, request, 'The request to flush events');
  const { workflowExecution } = Context.current().info;
  if (workflowExecution === undefined) {
    throw refusal(new SluiceError('INPUT_INVALID', 'Only a workflow has run events to flush'));
  }
  const { workflowId, runId: executionId } = workflowExecution;
  try {
    const execution = { run, workflowId, executionId };
    await projections.commitEvents(execution, events);
    await deliverMissed(projections, execution, events);
    return { signals: signalPrints(events) };
  } catch (error) {
    throw storeFailure(error);
  }
}
