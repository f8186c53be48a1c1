/**
 * action.call: one activity for each attempt.
 *
 * Invariants
 * - The input is evaluated once; attempts of the author's retry and repetitions of Temporal's get the same.
 * - The idempotency key is the same over all of them, and over continue-as-new; it names the run, the step
 *   and the iteration, or is the author's own; after a rewind, the rewind as well.
 * - The activity carries the pending events and its own start; see `interpreter/event-log.ts`.
 */
import { isCancellation, scheduleLocalActivity } from '@temporalio/workflow';
import { ActionResult, type ActionEnvelope } from '../../contracts/activity.js';
import { DEFAULTS, findSecrets, type ActionCallStep } from '../../contracts/definition/index.js';
import { SluiceError } from '../../contracts/errors.js';
import { jsonSize, type Json } from '../../contracts/json.js';
import { keyIn } from '../../contracts/rewind.js';
import { now } from '../clock.js';
import { artifactsOfFailure, errorCompletion } from '../interpreter/failure.js';
import type { Lane } from '../interpreter/lane.js';
import { historyLimit, type Run } from '../interpreter/run.js';
import type { ActionFrame, Completion } from '../interpreter/state.js';
import { beginEvent, save, summaryOf } from '../interpreter/step-events.js';
import { remember } from '../saga/stack.js';
import { nextAttemptAt } from './retry.js';
import { runActivity, TIMEOUT_GRACE_MS } from './run-activity.js';

/** Begins the step: evaluates its input and its key. */
export function beginAction(run: Run, lane: Lane, step: ActionCallStep, path: string): 'later' | undefined {
  const input = run.fitting(
    run.evaluator.mapping(lane, step.input ?? null, path),
    'INPUT_TOO_LARGE',
    'The input',
  );
  const bytes = jsonSize(input);
  const { iteration } = lane.surroundings;
  const own =
    step.idempotencyKey === undefined
      ? [run.header.runId, path, ...(iteration.length > 0 ? [`[${iteration.join(',')}]`] : [])].join('/')
      : keyOf(run.evaluator.mapping(lane, step.idempotencyKey, path, true));
  const key = keyIn(run.state.rewinds?.current, own);
  if (!run.carry.holdInput(bytes)) return 'later';
  const at = now();
  const frame: ActionFrame = { k: 'action', path, at, input, key, bytes, attempt: 1, attemptAt: at };
  begins(run, lane, step, frame);
  lane.push(frame);
  return undefined;
}

function keyOf(value: Json): string {
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string' && value.trim() !== '' && value.length <= 1_024) return value;
  throw new SluiceError('CORRELATION_KEY_INVALID', 'idempotencyKey must be text of 1 to 1,024 characters');
}

function versionOf(run: Run, step: ActionCallStep): number {
  return step.version ?? run.state.prepared.actions[step.action] ?? 1;
}

function begins(run: Run, lane: Lane, step: ActionCallStep, frame: ActionFrame): void {
  beginEvent(run, lane, step, frame.path, {
    attempt: frame.attempt,
    action: step.action,
    actionVersion: versionOf(run, step),
    key: frame.key,
    input: frame.input,
  });
}

/** Runs attempts until one succeeds, none is left, or the lane has to stop. */
export async function continueAction(
  run: Run,
  lane: Lane,
  frame: ActionFrame,
): Promise<Completion | 'parked'> {
  const step = run.stepAt(frame.path);
  if (step.type !== 'action.call') throw new SluiceError('STATE_CORRUPT', `${frame.path} is no action.call`);
  const done = await attempts(run, lane, step, frame);
  if (done === 'parked') return done;
  run.carry.releaseInput(frame.bytes);
  return mayHaveActed(step, frame, done) ? undoable(run, lane, step, frame, done) : done;
}

/** A step that failed, or was cancelled, after an attempt had begun: what it did can't be known. */
function mayHaveActed(step: ActionCallStep, frame: ActionFrame, done: Completion): boolean {
  if (step.compensate?.onFailure !== true || frame.undo !== undefined || frame.acted !== true) return false;
  return done.t === 'error' || done.t === 'cancel';
}

function undoable(
  run: Run,
  lane: Lane,
  step: ActionCallStep,
  frame: ActionFrame,
  done: Completion,
): Completion {
  try {
    const failed = done.t === 'error' ? { error: done.error } : {};
    remember(run, lane, step, frame, { output: null, artifacts: frame.made ?? [], ...failed });
    return done;
  } catch (thrown) {
    return done.t === 'cancel' ? done : errorCompletion(thrown, frame.path, frame.attempt);
  }
}

async function attempts(
  run: Run,
  lane: Lane,
  step: ActionCallStep,
  frame: ActionFrame,
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
      begins(run, lane, step, frame);
    }
    const slots = step.local === true ? run.localSlots : run.slots;
    const slot = await run.slot(lane, slots);
    if (slot === 'parked') return 'parked';
    if (slot === 'interrupted') return { t: 'cancel' };
    const outcome = await attempt(run, lane, step, frame).finally(() => slots.give());
    if (outcome.t !== 'error') return outcome;
    const retryAt = lane.interrupted
      ? undefined
      : nextAttemptAt(step.retry ?? run.definition.defaults?.retry, frame.attempt, outcome);
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

async function attempt(run: Run, lane: Lane, step: ActionCallStep, frame: ActionFrame): Promise<Completion> {
  try {
    const { output, artifacts = [] } = await (step.local === true ? callLocal : call)(run, lane, step, frame);
    remember(run, lane, step, frame, { output, artifacts });
    save(run, lane, step, output);
    return { t: 'normal', output };
  } catch (thrown) {
    noteFailure(step, frame, thrown);
    if (isCancellation(thrown) && lane.cancelled) return { t: 'cancel' };
    if (isCancellation(thrown) && lane.stopped)
      return errorCompletion(historyLimit(), frame.path, frame.attempt);
    return errorCompletion(thrown, frame.path, frame.attempt);
  }
}

/** What a failed attempt may have done; a denied one has done nothing. */
function noteFailure(step: ActionCallStep, frame: ActionFrame, thrown: unknown): void {
  if (step.compensate?.onFailure !== true) return;
  const made = artifactsOfFailure(thrown);
  if (made === 'denied') return;
  frame.acted = true;
  if (made.length > 0) frame.made = [...new Set([...(frame.made ?? []), ...made])];
}

/** A regular activity. */
function call(run: Run, lane: Lane, step: ActionCallStep, frame: ActionFrame): Promise<ActionResult> {
  return runActivity(
    run,
    {
      action: step.action,
      input: frame.input,
      bytes: frame.bytes,
      heartbeatMs: step.heartbeatMs,
      summary: summaryOf(step),
      envelope: (events) => envelopeOf(run, lane, step, frame, events),
    },
    (work) => run.operate(lane, work),
  );
}

/** A local activity: it carries no events, because a signal or a crash may run it again with other input. */
async function callLocal(
  run: Run,
  lane: Lane,
  step: ActionCallStep,
  frame: ActionFrame,
): Promise<ActionResult> {
  const envelope = { ...envelopeOf(run, lane, step, frame, []), local: true };
  run.budget.localStep();
  const result = ActionResult.parse(
    await run.operate(lane, () =>
      scheduleLocalActivity(step.action, [frame.input, envelope], {
        startToCloseTimeout: envelope.timeoutMs + TIMEOUT_GRACE_MS,
        retry: { initialInterval: 200, backoffCoefficient: 2, maximumInterval: '10s' },
        summary: summaryOf(step),
      }),
    ),
  );
  run.budget.command(jsonSize(result.output));
  return result;
}

function envelopeOf(
  run: Run,
  lane: Lane,
  step: ActionCallStep,
  frame: ActionFrame,
  events: ActionEnvelope['events'],
): ActionEnvelope {
  const secrets = step.input === undefined ? [] : findSecrets(step.input);
  return {
    run: run.header,
    actor: run.state.start.actor,
    step: {
      path: frame.path,
      id: step.id,
      iteration: [...lane.surroundings.iteration],
      attempt: frame.attempt,
    },
    actionVersion: versionOf(run, step),
    idempotencyKey: frame.key,
    timeoutMs: step.timeoutMs ?? run.definition.defaults?.timeoutMs ?? DEFAULTS.actionTimeoutMs,
    system: run.state.prepared.system,
    events,
    ...(secrets.length > 0 && { secrets: secrets.map(({ path, name }) => ({ path: [...path], name })) }),
    ...(step.tags !== undefined && { tags: step.tags }),
  };
}
