/**
 * control.callWorkflow: a Temporal child workflow for each attempt.
 *
 * Invariants
 * - A child's id contains its parent's Temporal run id, so that a reset parent can start it again, and the
 *   step, the iteration and the attempt, so that one attempt starts one child.
 * - A child that is waited for is asked to end and then waited for, on cancellation and on timeout, so that
 *   it can clean up. Only a detached child outlives its parent.
 * - The run can't continue as new while it waits for a child. One that would fill the history so ends the
 *   step with HISTORY_LIMIT, in time.
 */
import {
  type ChildWorkflowOptions,
  ChildWorkflowCancellationType,
  condition,
  isCancellation,
  ParentClosePolicy,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { CallWorkflowStep } from '../../../contracts/definition/index.js';
import { SluiceError } from '../../../contracts/errors.js';
import { jsonSize, type Json } from '../../../contracts/json.js';
import { now } from '../../runtime/clock.js';
import { errorCompletion } from '../state/failure.js';
import type { Lane } from '../lane/lane.js';
import { historyLimit } from '../lane/operations.js';
import type { Run } from '../run/run.js';
import type { ChildFrame, Completion } from '../state/state.js';
import { shortHash } from '../state/hash.js';
import { beginEvent, save, summaryOf } from '../run/step-events.js';
import { nextAttemptAt } from '../run/retry.js';

/** Characters of a step's place in a child's id; Temporal takes ids of up to 1,000. */
const LONGEST_PLACE = 500;

/** Begins the step: evaluates the child's payload. */
export function beginChild(run: Run, lane: Lane, step: CallWorkflowStep, path: string): 'later' | undefined {
  const input = run.fitting(
    run.evaluator.mapping(lane, step.input ?? {}, path),
    'INPUT_TOO_LARGE',
    'The input',
  );
  const bytes = jsonSize(input);
  if (!run.carry.holdInput(bytes)) return 'later';
  const at = now();
  beginEvent(run, lane, step, path, { input });
  lane.push({ k: 'child', path, at, input, bytes, attempt: 1, attemptAt: at });
  return undefined;
}

/** Runs attempts until one succeeds, none is left, or the lane has to stop. */
export async function continueChild(run: Run, lane: Lane, frame: ChildFrame): Promise<Completion | 'parked'> {
  const step = run.stepAt(frame.path);
  if (step.type !== 'control.callWorkflow') {
    throw new SluiceError('STATE_CORRUPT', `${frame.path} is no control.callWorkflow`);
  }
  const done = await attempts(run, lane, step, frame);
  if (done !== 'parked') run.carry.releaseInput(frame.bytes);
  return done;
}

async function attempts(
  run: Run,
  lane: Lane,
  step: CallWorkflowStep,
  frame: ChildFrame,
): Promise<Completion | 'parked'> {
  for (;;) {
    if (lane.interrupted) return { t: 'cancel' };
    if (frame.retryAt !== undefined) {
      run.flusher.request();
      const pause = await run.pause(lane, `retry ${summaryOf(step)}`, frame.retryAt);
      if (pause === 'parked') return 'parked';
      if (pause === 'interrupted') return { t: 'cancel' };
      delete frame.retryAt;
      frame.attemptAt = now();
      beginEvent(run, lane, step, frame.path, { attempt: frame.attempt, input: frame.input });
    }
    const outcome = await attempt(run, lane, step, frame);
    if (outcome.t !== 'error') return outcome;
    const retryAt = lane.interrupted ? undefined : nextAttemptAt(step.retry, frame.attempt, outcome);
    if (retryAt === undefined) return outcome;
    run.log.emit(
      'STEP_RETRYING',
      { id: step.id, kind: step.type, startedAt: frame.attemptAt, error: outcome.error, nextAt: retryAt },
      run.where(lane, frame.path, frame.attempt),
    );
    frame.attempt++;
    frame.retryAt = retryAt;
  }
}

async function attempt(run: Run, lane: Lane, step: CallWorkflowStep, frame: ChildFrame): Promise<Completion> {
  if (!run.slots.take()) {
    return errorCompletion(
      new SluiceError('CONCURRENCY_LIMIT', `${step.id} would be one open child too many`),
      frame.path,
      frame.attempt,
    );
  }
  let slotHeld = true;
  const giveSlot = () => {
    if (slotHeld) run.slots.give();
    slotHeld = false;
  };
  const waits = step.detached !== true;
  let timedOut = false;
  let settled = false;
  const guard = async (): Promise<void> => {
    if (step.timeoutMs === undefined) return;
    const inTime = await condition(() => settled, step.timeoutMs, { summary: `timeout ${summaryOf(step)}` });
    if (inTime) return;
    timedOut = true;
    lane.stopOperation();
  };
  if (waits) run.children++;
  try {
    run.budget.command(frame.bytes);
    // Outside of the operation's scope: what it cancels must not cancel the guard.
    if (waits) void guard();
    const output = await run.operations.child(lane, async () => {
      const child = await startChild(step.workflow, options(run, lane, step, frame));
      noteStarted(run, lane, step, frame, child.workflowId, child.firstExecutionRunId);
      if (!waits) {
        child.result().then(giveSlot, giveSlot);
        return { workflowId: child.workflowId, runId: child.firstExecutionRunId };
      }
      return (await child.result()) as Json;
    });
    if (waits) giveSlot();
    const result = output ?? null;
    save(run, lane, step, result);
    return { t: 'normal', output: result };
  } catch (thrown) {
    giveSlot();
    if (timedOut || lane.stopped) {
      const error = timedOut
        ? new SluiceError(
            'CHILD_TIMEOUT',
            `The child ${step.workflow} did not end within ${step.timeoutMs} ms`,
          )
        : historyLimit();
      return errorCompletion(error, frame.path, frame.attempt);
    }
    if (isCancellation(thrown) && lane.cancelled) return { t: 'cancel' };
    return errorCompletion(thrown, frame.path, frame.attempt);
  } finally {
    settled = true;
    if (waits) run.children--;
  }
}

function options(
  run: Run,
  lane: Lane,
  step: CallWorkflowStep,
  frame: ChildFrame,
): ChildWorkflowOptions & { args: [Json] } {
  const { runId, workflowId } = workflowInfo();
  const { start, prepared } = run.state;
  const version = step.version ?? prepared.children[step.workflow];
  const self = { runId: run.header.runId, workflowId };
  const { iteration } = lane.surroundings;
  const place = [
    frame.path,
    ...(iteration.length > 0 ? [`[${iteration.join(',')}]`] : []),
    frame.attempt,
  ].join('/');
  return {
    args: [frame.input],
    workflowId: `${step.workflow}/${runId}/${place.length > LONGEST_PLACE ? shortHash(place) : place}`,
    memo: {
      tenant: start.tenant,
      actor: start.actor,
      ...(version !== undefined && { version }),
      parent: self,
      root: start.root ?? self,
    },
    parentClosePolicy: step.detached === true ? ParentClosePolicy.ABANDON : ParentClosePolicy.REQUEST_CANCEL,
    cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
    staticSummary: summaryOf(step),
  };
}

function noteStarted(
  run: Run,
  lane: Lane,
  step: CallWorkflowStep,
  frame: ChildFrame,
  workflowId: string,
  runId: string,
): void {
  const version = step.version ?? run.state.prepared.children[step.workflow];
  run.log.emit(
    'CHILD_STARTED',
    {
      workflowId,
      runId,
      definition: step.workflow,
      ...(version !== undefined && { version }),
      detached: step.detached === true,
    },
    run.where(lane, frame.path, frame.attempt),
  );
  run.flusher.request();
}
