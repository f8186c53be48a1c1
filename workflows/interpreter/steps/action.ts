/**
 * action.call: one activity for each attempt.
 *
 * Invariants
 * - The input is evaluated once; attempts of the author's retry and Temporal's repetitions get the same
 *   input.
 * - The idempotency key is the same for all of them, and over continue-as-new. It names the run, the step and
 *   the iteration, unless the author gives another key; after a rewind it names the rewind as well.
 * - The pending events, the step's start among them, are attached to the activity; see events/event-log.ts.
 */
import { isCancellation, scheduleLocalActivity } from '@temporalio/workflow';
import { ActionResult, type ActionEnvelope } from '../../../contracts/run/activity.js';
import { DEFAULTS, findSecrets } from '../../../contracts/definition/index.js';
import { SluiceError } from '../../../contracts/errors.js';
import { jsonSize, type Json } from '../../../contracts/json.js';
import { placeKey } from '../../../contracts/run/place.js';
import { keyIn } from '../../../contracts/run/rewind.js';
import { now } from '../../runtime/clock.js';
import { INFRASTRUCTURE_RETRY } from '../../runtime/retry-options.js';
import {
  artifactsOfFailure,
  errorCompletion,
  isHandedBack,
  isUnended,
  lacksAction,
} from '../state/failure.js';
import { historyLimit, type ActivityEnd } from '../lane/operations.js';
import type { Pause } from '../run/run.js';
import type { Slots } from '../lane/slots.js';
import type { ActionFrame, Completion } from '../state/state.js';
import type { StepContext, StepOf } from '../run/step-context.js';
import { beginEvent, retryEvent, save, summaryOf } from '../run/step-events.js';
import { pushCompensation } from '../compensation/stack.js';
import { nextAttemptAt } from '../run/retry.js';
import { refusedResult, runActivity, TIMEOUT_GRACE_MS } from '../run/run-activity.js';

type ActionContext = StepContext<StepOf<'action.call'>>;

/** Characters of an idempotency key that the author gives. */
const KEY_CHARACTERS = 1_024;

/** Enters the step: evaluates its input and its key, and pushes its frame. */
export function enterAction(context: ActionContext): 'later' | undefined {
  const { run, lane, step, path, iteration } = context;
  const input = run.fitting(context.mapping(step.input ?? null), 'INPUT_TOO_LARGE', 'The input');
  const bytes = jsonSize(input);
  // Persisted: workers and other systems know the step by this key, so its spelling never changes.
  const baseKey =
    step.idempotencyKey === undefined
      ? `${run.header.runId}/${placeKey(path, iteration)}`
      : keyOf(context.key(step.idempotencyKey));
  const key = keyIn(run.state.rewinds?.current, baseKey);
  if (!run.carriedSize.holdInput(bytes)) return 'later';
  const at = now();
  const frame: ActionFrame = { k: 'action', path, at, input, key, bytes, attempt: 1, attemptAt: at };
  emitStart(context, frame);
  lane.push(frame);
  return undefined;
}

function keyOf(value: Json): string {
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string' && value.trim() !== '' && value.length <= KEY_CHARACTERS) return value;
  throw new SluiceError('CORRELATION_KEY_INVALID', 'idempotencyKey must be text of 1 to 1,024 characters');
}

function versionOf({ run, step }: ActionContext): number {
  return step.version ?? run.state.prepared.actions[step.action] ?? 1;
}

function emitStart(context: ActionContext, frame: ActionFrame): void {
  beginEvent(context, {
    attempt: frame.attempt,
    action: context.step.action,
    actionVersion: versionOf(context),
    key: frame.key,
    input: frame.input,
  });
}

/**
 * Waits until the step's next attempt is due and has a slot (`ready`), or until the lane has to stop.
 *
 * If a slot is free at once, this still waits one turn: lanes that begin together all emit their start before
 * the first one's activity takes the events to commit.
 */
export function mayAct(context: StepContext, frame: ActionFrame): Pause | Promise<Pause> {
  const { run, lane } = context;
  if (lane.interrupted) return 'interrupted';
  context.narrow('action.call');
  if (frame.retryAt !== undefined) return untilRetry(context, frame, frame.retryAt);
  const slots = slotsOf(context);
  return slots.takeAtOnce() ? run.turn : run.slot(lane, slots);
}

async function untilRetry(context: ActionContext, frame: ActionFrame, retryAt: number): Promise<Pause> {
  const { run, lane, step } = context;
  run.flusher.request();
  const pause = await run.pause(lane, `retry ${summaryOf(step)}`, retryAt);
  if (pause !== 'due') return pause;
  delete frame.retryAt;
  frame.attemptAt = now();
  emitStart(context, frame);
  const slots = slotsOf(context);
  return slots.takeAtOnce() ? 'ready' : await run.slot(lane, slots);
}

/**
 * Runs an attempt, which has a slot, or ends the step where the lane has to stop; `again` where another
 * attempt follows.
 *
 * This is not an asynchronous function: see `Operations.activity`.
 */
export function act(
  context: StepContext,
  frame: ActionFrame,
  pause: Exclude<Pause, 'parked'>,
): Completion | 'again' | Promise<Completion | 'again'> {
  context.narrow('action.call');
  if (pause !== 'ready') return endAction(context, frame, { t: 'cancel' });
  const end = (outcome: Completion): Completion | 'again' => {
    slotsOf(context).give();
    return endAttempt(context, frame, outcome);
  };
  // The lane was cancelled in the turn since the slot was taken.
  if (context.lane.interrupted) return end({ t: 'cancel' });
  return (context.step.local === true ? callLocal : call)(context, frame, {
    succeeded: (result) => end(succeeded(context, frame, result)),
    failed: (thrown) => end(failed(context, frame, thrown)),
  });
}

function slotsOf({ run, step }: ActionContext): Slots {
  return step.local === true ? run.localSlots : run.slots;
}

/** Decides how the step goes on after an attempt: `again` where another attempt follows. */
function endAttempt(context: ActionContext, frame: ActionFrame, outcome: Completion): Completion | 'again' {
  const { run, lane, step } = context;
  if (outcome.t !== 'error' || lane.interrupted) return endAction(context, frame, outcome);
  const retryAt = nextAttemptAt(step.retry ?? run.definition.defaults?.retry, frame.attempt, outcome);
  if (retryAt === undefined) return endAction(context, frame, outcome);
  retryEvent(context, frame, outcome, retryAt);
  frame.attempt++;
  frame.retryAt = retryAt;
  return 'again';
}

/** Ends the step: its input is carried no longer, and an effect that it may have had can be compensated. */
function endAction(context: ActionContext, frame: ActionFrame, end: Completion): Completion {
  context.run.carriedSize.releaseInput(frame.bytes);
  return mayHaveActed(context, frame, end) ? withCompensation(context, frame, end) : end;
}

/** Whether a step that failed or was cancelled after an attempt had begun may have had an effect. */
function mayHaveActed({ step }: ActionContext, frame: ActionFrame, end: Completion): boolean {
  if (step.compensate?.onFailure !== true || frame.undo !== undefined || frame.acted !== true) return false;
  return end.t === 'error' || end.t === 'cancel';
}

function withCompensation(context: ActionContext, frame: ActionFrame, end: Completion): Completion {
  try {
    const failure = end.t === 'error' ? { error: end.error } : {};
    pushCompensation(context, frame, { output: null, artifacts: frame.made ?? [], ...failure });
    return end;
  } catch (thrown) {
    return end.t === 'cancel' ? end : errorCompletion(thrown, frame.path, frame.attempt);
  }
}

function succeeded(
  context: ActionContext,
  frame: ActionFrame,
  { output, artifacts = [] }: ActionResult,
): Completion {
  try {
    pushCompensation(context, frame, { output, artifacts });
    save(context, output);
    return { t: 'normal', output };
  } catch (thrown) {
    return failed(context, frame, thrown);
  }
}

function failed(context: ActionContext, frame: ActionFrame, thrown: unknown): Completion {
  const { lane } = context;
  if (isHandedBack(thrown) && lane.cancelled) return { t: 'cancel' };
  noteFailure(context, frame, thrown);
  if (isCancellation(thrown) && lane.cancelled) return { t: 'cancel' };
  const error = isCancellation(thrown) && lane.stopped ? historyLimit() : thrown;
  return errorCompletion(error, frame.path, frame.attempt);
}

/**
 * Records what a failed attempt may have done. One that was denied, or whose key other work has used, did
 * nothing.
 */
function noteFailure({ run, step }: ActionContext, frame: ActionFrame, thrown: unknown): void {
  if (step.compensate?.onFailure !== true) return;
  const artifacts = artifactsOfFailure(thrown);
  if (artifacts === 'denied') return;
  // Before, the step was compensated: under the other work's key, so maybe that work.
  if (artifacts === 'key-used' && run.usedKeys.inForce()) return;
  frame.acted = true;
  if (artifacts === 'key-used' || artifacts.length === 0) return;
  frame.made = [...new Set([...(frame.made ?? []), ...artifacts])];
}

type AttemptEnd = ActivityEnd<ActionResult, Completion | 'again'>;

/** Runs an attempt as a regular activity. */
function call(context: ActionContext, frame: ActionFrame, end: AttemptEnd): Promise<Completion | 'again'> {
  const { run, lane, step } = context;
  const activity = {
    action: step.action,
    input: frame.input,
    bytes: frame.bytes,
    heartbeatMs: step.heartbeatMs,
    summary: summaryOf(step),
    envelope: (events: ActionEnvelope['events']) => actionEnvelope(context, frame, events),
  };
  return runActivity(run, activity, lane, end);
}

/**
 * Runs an attempt as a local activity. It is never a carrier of events, because a signal or a crash may run
 * it again with other input.
 */
function callLocal(
  context: ActionContext,
  frame: ActionFrame,
  end: AttemptEnd,
): Promise<Completion | 'again'> {
  const { run, lane, step } = context;
  const envelope = { ...actionEnvelope(context, frame, []), local: true };
  run.budget.localStep();
  return run.operations.activity(
    lane,
    () =>
      scheduleLocalActivity(step.action, [frame.input, envelope], {
        startToCloseTimeout: envelope.timeoutMs + TIMEOUT_GRACE_MS,
        retry: INFRASTRUCTURE_RETRY,
        summary: summaryOf(step),
      }),
    {
      succeeded: (answer) => {
        const refused = refusedResult(run, answer);
        if (refused !== undefined) return end.failed(refused);
        const parsed = ActionResult.safeParse(answer);
        if (!parsed.success) return end.failed(parsed.error);
        run.budget.command(jsonSize(parsed.data.output));
        return end.succeeded(parsed.data);
      },
      failed: (thrown) => {
        // It may kill its worker: Temporal counts the attempts of a regular activity. No gate: no history
        // from before has this failure.
        if (isUnended(thrown)) return call(context, frame, end);
        // Before, the step failed: a local activity cannot go to a worker that has the action.
        if (lacksAction(thrown) && run.otherWorkers.inForce()) return call(context, frame, end);
        return end.failed(thrown);
      },
    },
  );
}

function actionEnvelope(
  context: ActionContext,
  frame: ActionFrame,
  events: ActionEnvelope['events'],
): ActionEnvelope {
  const { run, step, iteration } = context;
  const secrets = step.input === undefined ? [] : findSecrets(step.input);
  return {
    run: run.header,
    actor: run.state.start.actor,
    step: { path: frame.path, id: step.id, iteration: [...iteration], attempt: frame.attempt },
    actionVersion: versionOf(context),
    idempotencyKey: frame.key,
    timeoutMs: step.timeoutMs ?? run.definition.defaults?.timeoutMs ?? DEFAULTS.actionTimeoutMs,
    system: run.state.prepared.system,
    events,
    ...(secrets.length > 0 && { secrets: secrets.map(({ path, name }) => ({ path: [...path], name })) }),
    ...(step.tags !== undefined && { tags: step.tags }),
  };
}
