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
import { ActionResult, type ActionEnvelope } from '../../../contracts/run/activity.js';
import { DEFAULTS, findSecrets, type ActionCallStep } from '../../../contracts/definition/index.js';
import { SluiceError } from '../../../contracts/errors.js';
import { jsonSize, type Json } from '../../../contracts/json.js';
import { keyIn } from '../../../contracts/run/rewind.js';
import { now } from '../../runtime/clock.js';
import { artifactsOfFailure, errorCompletion } from '../state/failure.js';
import type { Lane } from '../lane/lane.js';
import { historyLimit, type ActivityEnd } from '../lane/operations.js';
import type { Pause, Run } from '../run/run.js';
import type { Slots } from '../lane/slots.js';
import type { ActionFrame, Completion } from '../state/state.js';
import { beginEvent, save, summaryOf } from '../run/step-events.js';
import { remember } from '../compensation/stack.js';
import { nextAttemptAt } from '../run/retry.js';
import { runActivity, TIMEOUT_GRACE_MS } from '../run/run-activity.js';

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

/**
 * Waits until the step's next attempt is due and has a slot (`ready`), or until the lane has to stop.
 *
 * Where it is, that is a turn later: lanes that begin together all say so before the first one's activity takes what
 * there is to commit.
 */
export function mayAct(run: Run, lane: Lane, frame: ActionFrame): Pause | Promise<Pause> {
  if (lane.interrupted) return 'interrupted';
  const step = stepOf(run, frame);
  if (frame.retryAt !== undefined) return untilRetry(run, lane, step, frame, frame.retryAt);
  const slots = slotsOf(run, step);
  return slots.takeAtOnce() ? run.turn : run.slot(lane, slots);
}

async function untilRetry(
  run: Run,
  lane: Lane,
  step: ActionCallStep,
  frame: ActionFrame,
  retryAt: number,
): Promise<Pause> {
  run.flusher.request();
  const pause = await run.pause(lane, `retry ${summaryOf(step)}`, retryAt);
  if (pause !== 'due') return pause;
  delete frame.retryAt;
  frame.attemptAt = now();
  begins(run, lane, step, frame);
  const slots = slotsOf(run, step);
  return slots.takeAtOnce() ? 'ready' : await run.slot(lane, slots);
}

/**
 * Runs an attempt, which has a slot, or ends the step where the lane has to stop; `again` where there will be another.
 *
 * No asynchronous function: see `Operations.activity`.
 */
export function act(
  run: Run,
  lane: Lane,
  frame: ActionFrame,
  ready: Exclude<Pause, 'parked'>,
): Completion | 'again' | Promise<Completion | 'again'> {
  const step = stepOf(run, frame);
  if (ready !== 'ready') return ended(run, lane, step, frame, { t: 'cancel' });
  const end = (outcome: Completion): Completion | 'again' => {
    slotsOf(run, step).give();
    return endAttempt(run, lane, step, frame, outcome);
  };
  // Cancelled in the turn between.
  if (lane.interrupted) return end({ t: 'cancel' });
  return (step.local === true ? callLocal : call)(run, lane, step, frame, {
    succeeded: (result) => end(succeeded(run, lane, step, frame, result)),
    failed: (thrown) => end(failed(lane, step, frame, thrown)),
  });
}

function stepOf(run: Run, frame: ActionFrame): ActionCallStep {
  const step = run.stepAt(frame.path);
  if (step.type !== 'action.call') throw new SluiceError('STATE_CORRUPT', `${frame.path} is no action.call`);
  return step;
}

function slotsOf(run: Run, step: ActionCallStep): Slots {
  return step.local === true ? run.localSlots : run.slots;
}

/** What becomes of the step when an attempt has ended: `again` where there will be another. */
function endAttempt(
  run: Run,
  lane: Lane,
  step: ActionCallStep,
  frame: ActionFrame,
  outcome: Completion,
): Completion | 'again' {
  if (outcome.t !== 'error' || lane.interrupted) return ended(run, lane, step, frame, outcome);
  const retryAt = nextAttemptAt(step.retry ?? run.definition.defaults?.retry, frame.attempt, outcome);
  if (retryAt === undefined) return ended(run, lane, step, frame, outcome);
  run.log.emit(
    'STEP_RETRYING',
    { id: step.id, kind: step.type, startedAt: frame.attemptAt, error: outcome.error, nextAt: retryAt },
    run.where(lane, frame.path, frame.attempt),
  );
  frame.attempt++;
  frame.retryAt = retryAt;
  return 'again';
}

/** The end of the step: its input is carried no more, and what it may have done can be undone. */
function ended(run: Run, lane: Lane, step: ActionCallStep, frame: ActionFrame, done: Completion): Completion {
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

function succeeded(
  run: Run,
  lane: Lane,
  step: ActionCallStep,
  frame: ActionFrame,
  { output, artifacts = [] }: ActionResult,
): Completion {
  try {
    remember(run, lane, step, frame, { output, artifacts });
    save(run, lane, step, output);
    return { t: 'normal', output };
  } catch (thrown) {
    return failed(lane, step, frame, thrown);
  }
}

function failed(lane: Lane, step: ActionCallStep, frame: ActionFrame, thrown: unknown): Completion {
  noteFailure(step, frame, thrown);
  if (isCancellation(thrown) && lane.cancelled) return { t: 'cancel' };
  const error = isCancellation(thrown) && lane.stopped ? historyLimit() : thrown;
  return errorCompletion(error, frame.path, frame.attempt);
}

/** What a failed attempt may have done; a denied one has done nothing. */
function noteFailure(step: ActionCallStep, frame: ActionFrame, thrown: unknown): void {
  if (step.compensate?.onFailure !== true) return;
  const made = artifactsOfFailure(thrown);
  if (made === 'denied') return;
  frame.acted = true;
  if (made.length > 0) frame.made = [...new Set([...(frame.made ?? []), ...made])];
}

type AttemptEnd = ActivityEnd<ActionResult, Completion | 'again'>;

/** A regular activity. */
function call(
  run: Run,
  lane: Lane,
  step: ActionCallStep,
  frame: ActionFrame,
  end: AttemptEnd,
): Promise<Completion | 'again'> {
  const about = {
    action: step.action,
    input: frame.input,
    bytes: frame.bytes,
    heartbeatMs: step.heartbeatMs,
    summary: summaryOf(step),
    envelope: (events: ActionEnvelope['events']) => envelopeOf(run, lane, step, frame, events),
  };
  return runActivity(run, about, lane, end);
}

/** A local activity: it carries no events, because a signal or a crash may run it again with other input. */
function callLocal(
  run: Run,
  lane: Lane,
  step: ActionCallStep,
  frame: ActionFrame,
  end: AttemptEnd,
): Promise<Completion | 'again'> {
  const envelope = { ...envelopeOf(run, lane, step, frame, []), local: true };
  run.budget.localStep();
  return run.operations.activity(
    lane,
    () =>
      scheduleLocalActivity(step.action, [frame.input, envelope], {
        startToCloseTimeout: envelope.timeoutMs + TIMEOUT_GRACE_MS,
        retry: { initialInterval: 200, backoffCoefficient: 2, maximumInterval: '10s' },
        summary: summaryOf(step),
      }),
    {
      succeeded: (answer) => {
        const parsed = ActionResult.safeParse(answer);
        if (!parsed.success) return end.failed(parsed.error);
        run.budget.command(jsonSize(parsed.data.output));
        return end.succeeded(parsed.data);
      },
      failed: end.failed,
    },
  );
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
