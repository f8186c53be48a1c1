/**
 * control.callWorkflow: a Temporal child workflow for each attempt.
 *
 * Invariants
 * - A child's id contains its parent's Temporal run id, so that a reset parent can start it again, and the
 *   step, the iteration and the attempt, so that one attempt starts one child.
 * - A child that the step waits for is asked to end and then waited for, on cancellation and on timeout, so
 *   that it can clean up. Only a detached child outlives its parent.
 * - A child knows how many runs are above it, and past `LIMITS.childDepth` none is started: a definition that
 *   calls itself ends.
 * - The run cannot continue as new while it waits for a child. If the history would fill up meanwhile, the
 *   step ends with HISTORY_LIMIT, in time.
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
import { SluiceError } from '../../../contracts/errors.js';
import { jsonSize, type Json } from '../../../contracts/json.js';
import { LIMITS } from '../../../contracts/limits.js';
import { CLAIM_MEMO, startText, type StartClaim } from '../../../contracts/naming/claims.js';
import { childId } from '../../../contracts/naming/workflow-id.js';
import type { StartMemo } from '../../../contracts/run/messages.js';
import { placeKey } from '../../../contracts/run/place.js';
import type { RunRef } from '../../../contracts/run/run.js';
import { claimed } from '../../runtime/claims.js';
import { now } from '../../runtime/clock.js';
import { errorCompletion } from '../state/failure.js';
import { historyLimit } from '../lane/operations.js';
import type { ChildFrame, Completion } from '../state/state.js';
import { fullHash, shortHash } from '../state/hash.js';
import { asksPolicies, authorizeStage } from '../policies/authorize-stage.js';
import type { StepContext, StepOf } from '../run/step-context.js';
import { beginEvent, retryEvent, save, summaryOf } from '../run/step-events.js';
import { nextAttemptAt } from '../run/retry.js';

type ChildContext = StepContext<StepOf<'control.callWorkflow'>>;

/** Characters of a step's place in a child's id; Temporal takes ids of up to 1,000. */
const PLACE_CHARACTERS = 500;

/** Enters the step: evaluates the child's payload, and pushes the step's frame. */
export function enterChild(context: ChildContext): 'later' | undefined {
  const { run, lane, step, path } = context;
  const input = run.fitting(context.mapping(step.input ?? {}), 'INPUT_TOO_LARGE', 'The input');
  const bytes = jsonSize(input);
  if (!run.carriedSize.holdInput(bytes)) return 'later';
  const at = now();
  beginEvent(context, { input });
  lane.push({ k: 'child', path, at, input, bytes, attempt: 1, attemptAt: at });
  return undefined;
}

/** Runs attempts until one succeeds, none is left, or the lane has to stop. */
export async function continueChild(context: StepContext, frame: ChildFrame): Promise<Completion | 'parked'> {
  context.narrow('control.callWorkflow');
  const end = await attempts(context, frame);
  if (end !== 'parked') context.run.carriedSize.releaseInput(frame.bytes);
  return end;
}

async function attempts(context: ChildContext, frame: ChildFrame): Promise<Completion | 'parked'> {
  const { run, lane, step } = context;
  for (;;) {
    if (lane.interrupted) return { t: 'cancel' };
    if (frame.retryAt !== undefined) {
      run.flusher.request();
      const pause = await run.pause(lane, `retry ${summaryOf(step)}`, frame.retryAt);
      if (pause === 'parked') return 'parked';
      if (pause === 'interrupted') return { t: 'cancel' };
      delete frame.retryAt;
      frame.attemptAt = now();
      beginEvent(context, { attempt: frame.attempt, input: frame.input });
    }
    const outcome = await attempt(context, frame);
    if (outcome === 'parked') return 'parked';
    if (outcome.t !== 'error') return outcome;
    const retryAt = lane.interrupted ? undefined : nextAttemptAt(step.retry, frame.attempt, outcome);
    if (retryAt === undefined) return outcome;
    retryEvent(context, frame, outcome, retryAt);
    frame.attempt++;
    frame.retryAt = retryAt;
  }
}

async function attempt(context: ChildContext, frame: ChildFrame): Promise<Completion | 'parked'> {
  const { run, lane, step } = context;
  if (asksPolicies(context)) {
    const answer = await authorizeStage(context, { kind: step.type, child: step.workflow }, frame.attempt);
    if (answer !== 'permitted') return answer;
    if (lane.interrupted) return { t: 'cancel' };
  }
  if (depthOf(run.state.start) >= LIMITS.childDepth && run.childDepth.inForce()) {
    return errorCompletion(
      new SluiceError(
        'CHILD_TOO_DEEP',
        `${step.workflow} would be a child of more than ${LIMITS.childDepth} runs above it, and is not started`,
        { details: { limit: LIMITS.childDepth } },
      ),
      frame.path,
      frame.attempt,
    );
  }
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
    // Outside of the operation's CancellationScope: cancelling the operation must not cancel the guard.
    if (waits) void guard();
    const output = await run.operations.child(lane, async () => {
      const child = await startChild(step.workflow, options(context, frame));
      const started = { workflowId: child.workflowId, runId: child.firstExecutionRunId };
      noteStarted(context, frame, started);
      if (!waits) {
        child.result().then(giveSlot, giveSlot);
        return started;
      }
      return (await child.result()) as Json;
    });
    if (waits) giveSlot();
    const result = output ?? null;
    save(context, result);
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

function options(context: ChildContext, frame: ChildFrame): ChildWorkflowOptions & { args: [Json] } {
  const { run, step, iteration } = context;
  const { runId, workflowId } = workflowInfo();
  const { start } = run.state;
  const depth = depthOf(start) + 1;
  const version = versionOf(context);
  const self = { runId: run.header.runId, workflowId };
  // Persisted: Temporal and the database know the child by this id, so its spelling never changes.
  const place = `${placeKey(frame.path, iteration)}/${frame.attempt}`;
  const memo = {
    tenant: start.tenant,
    actor: start.actor,
    ...(version !== undefined && { version }),
    parent: self,
    root: start.root ?? self,
    ...(start.sluiceChain !== undefined && { sluiceChain: start.sluiceChain }),
    ...(depth > 1 && run.childDepth.inForce() && { sluiceDepth: depth }),
  };
  return {
    args: [frame.input],
    workflowId: childId(step.workflow, runId, place.length > PLACE_CHARACTERS ? shortHash(place) : place),
    // The codec signs it on its way out, for the child's workflow id.
    memo:
      run.state.prepared.claims === true
        ? { ...memo, [CLAIM_MEMO]: claimed(claimOf(step.workflow, memo, frame.input), 'start') }
        : memo,
    parentClosePolicy: step.detached === true ? ParentClosePolicy.ABANDON : ParentClosePolicy.REQUEST_CANCEL,
    cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
    staticSummary: summaryOf(step),
  };
}

function claimOf(type: string, memo: object, payload: Json): StartClaim {
  return { type, digest: fullHash(startText(type, memo, payload)) };
}

/** How many parents the run has above it. */
function depthOf({ sluiceDepth, parent }: StartMemo): number {
  return sluiceDepth ?? (parent === undefined ? 0 : 1);
}

function versionOf({ run, step }: ChildContext): number | undefined {
  return step.version ?? run.state.prepared.children[step.workflow];
}

function noteStarted(context: ChildContext, frame: ChildFrame, child: RunRef): void {
  const { run, step } = context;
  const version = versionOf(context);
  run.log.emit(
    'CHILD_STARTED',
    {
      workflowId: child.workflowId,
      runId: child.runId,
      definition: step.workflow,
      ...(version !== undefined && { version }),
      detached: step.detached === true,
    },
    context.where(frame.attempt),
  );
  run.flusher.request();
}
