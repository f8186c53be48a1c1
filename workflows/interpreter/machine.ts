/**
 * The machine: runs a lane until it has ended or is parked.
 *
 * A lane does one of three things: it unwinds a completion through its frames, it begins the next step of
 * the block on top, or it goes on with the step on top (which may wait). Beginning and unwinding never
 * wait, so a lane can only be parked where all that it knows is in its frames.
 *
 * Cancellation is looked for between any two of these; inside a `finally` it waits (see `Lane.interrupted`).
 */
import { SluiceError } from '../../contracts/errors.js';
import type { Step } from '../../contracts/definition/index.js';
import { beginStep } from './steps/begin.js';
import { act, mayAct } from './steps/action.js';
import { continueChild } from './steps/child.js';
import { continueFanOut } from './steps/fan-out.js';
import { continueJoin } from './steps/join.js';
import { continueTimer, continueEventWait } from './steps/waits.js';
import { continueUndo } from './compensation/undo.js';
import { unwindScope } from './compensation/scopes.js';
import { unwindForEach, unwindTry, unwindWhile } from './steps/unwind.js';
import { errorCompletion } from './state/failure.js';
import type { Lane } from './lane/lane.js';
import { stepBegins } from './run/rewinds.js';
import type { Run } from './run/run.js';
import type { ActionFrame, BlockFrame, Completion, Frame } from './state/state.js';
import { endLeaf, endStep } from './run/step-events.js';

const NORMAL: Completion = { t: 'normal' };

/** Runs the lane; `parked` where it stopped so that the run can continue as new. */
export async function runLane(run: Run, lane: Lane): Promise<'ended' | 'parked'> {
  let completion: Completion | undefined;
  for (;;) {
    const frame = lane.top;
    // A step that waits ends its own way when it is cancelled, also where it was parked meanwhile: it closes
    // its wait, it lets the lanes inside it run their finallys.
    if (completion === undefined && lane.interrupted && (frame === undefined || frame.k === 'block')) {
      completion = { t: 'cancel' };
    }
    if (frame === undefined) {
      lane.state.end = completion ?? NORMAL;
      return 'ended';
    }
    if (completion !== undefined) {
      completion = guarded(run, lane, frame, completion);
      continue;
    }
    if (run.parking) return 'parked';
    if (run.budget.spent) {
      await run.breathe();
      continue;
    }
    if (frame.k === 'block') {
      const reset = run.resets.pending();
      if (reset !== undefined) {
        await reset;
        continue;
      }
      const advanced = advance(run, lane, frame);
      if (advanced !== 'later') completion = advanced;
      else if ((await run.room(lane)) === 'parked') return 'parked';
      continue;
    }
    let outcome: Completion | 'again' | 'parked';
    do {
      try {
        if (frame.k === 'action') {
          const ready = await mayAct(run, lane, frame);
          outcome = ready === 'parked' ? ready : await act(run, lane, frame, ready);
          // The run's own watch wakes a little later than the lane, which must not begin another step then.
          run.parkIfDue();
        } else {
          outcome = await goOn(run, lane, frame);
        }
      } catch (thrown) {
        outcome = errorCompletion(thrown, frame.path);
      }
    } while (outcome === 'again');
    if (outcome === 'parked') return 'parked';
    lane.pop();
    // A scope that has been undone ends as it would have ended before: for its step's frame, or the run, to see.
    if (frame.k === 'undo') {
      completion = outcome;
      continue;
    }
    completion = endStep(run, lane, frame, outcome);
    // An operation that failed because it was cancelled, or while it was: no handler may take it for an error.
    if (completion.t === 'error' && lane.interrupted) completion = { t: 'cancel' };
  }
}

/** Begins the next step of a block; a completion where the block or the step has ended at once. */
function advance(run: Run, lane: Lane, frame: BlockFrame): Completion | 'later' | undefined {
  const step = run.block(frame.path)[frame.i];
  if (step === undefined) {
    lane.pop();
    // The frame of the step that holds the block sees the end; the outermost block's end is the lane's.
    return NORMAL;
  }
  run.budget.step();
  const path = `${frame.path}[${frame.i}]`;
  const depth = lane.state.frames.length;
  stepBegins(run.state, path, lane.surroundings.iteration);
  try {
    if (step.when !== undefined && !run.evaluator.condition(lane, step.when, path)) {
      run.log.emit('STEP_SKIPPED', { id: step.id, kind: step.type }, run.where(lane, path));
      frame.i++;
      return undefined;
    }
    const begun = beginStep(run, lane, step, path);
    if (begun === undefined || begun === 'later') return begun;
    return ofLeaf(run, lane, frame, step, path, begun);
  } catch (thrown) {
    while (lane.state.frames.length > depth) lane.pop();
    return ofLeaf(run, lane, frame, step, path, errorCompletion(thrown, path));
  }
}

/** A step that ended without a frame of its own. */
function ofLeaf(
  run: Run,
  lane: Lane,
  frame: BlockFrame,
  step: Step,
  path: string,
  begun: Completion,
): Completion | undefined {
  const end = endLeaf(run, lane, step, path, begun);
  if (end.t !== 'normal') return end;
  frame.i++;
  return undefined;
}

/** Goes on with a step that waits for something else than an action. What it throws is the step's error. */
async function goOn(
  run: Run,
  lane: Lane,
  frame: Exclude<Frame, BlockFrame | ActionFrame>,
): Promise<Completion | 'parked'> {
  switch (frame.k) {
    case 'child':
      return await continueChild(run, lane, frame);
    case 'eventWait':
      return await continueEventWait(run, lane, frame);
    case 'timer':
      return await continueTimer(run, lane, frame);
    case 'join':
      return await continueJoin(run, lane, frame, runLane);
    case 'fanOut':
      return await continueFanOut(run, lane, frame, runLane);
    case 'undo':
      return await continueUndo(run, lane, frame);
    case 'scope':
    case 'forEach':
    case 'while':
    case 'try':
      throw new SluiceError('STATE_CORRUPT', `A ${frame.k} frame at ${frame.path} has nothing above it`);
  }
}

/** Unwinds through one frame; a throw on the way (an expression, a limit) is the step's error. */
function guarded(run: Run, lane: Lane, frame: Frame, completion: Completion): Completion | undefined {
  if (frame.k === 'block') {
    // `normal` comes here from the step at `i`: the block goes on. Everything else passes through.
    if (completion.t === 'normal') {
      frame.i++;
      return undefined;
    }
    lane.pop();
    return completion;
  }
  const depth = lane.state.frames.length;
  try {
    const next = unwind(run, lane, frame, completion);
    if (next === undefined) return undefined;
    lane.pop();
    return endStep(run, lane, frame, next);
  } catch (thrown) {
    while (lane.state.frames.length >= depth) lane.pop();
    return endStep(run, lane, frame, errorCompletion(thrown, frame.path));
  }
}

/** The completion of the frame's step, or undefined where the step goes on. */
function unwind(
  run: Run,
  lane: Lane,
  frame: Exclude<Frame, BlockFrame>,
  completion: Completion,
): Completion | undefined {
  switch (frame.k) {
    case 'forEach':
      return unwindForEach(run, lane, frame, completion);
    case 'while':
      return unwindWhile(run, lane, frame, completion);
    case 'try':
      return unwindTry(run, lane, frame, completion);
    case 'scope':
      return unwindScope(run, lane, frame, completion);
    case 'undo':
    case 'join':
    case 'fanOut':
    case 'action':
    case 'child':
    case 'eventWait':
    case 'timer':
      return completion;
  }
}
