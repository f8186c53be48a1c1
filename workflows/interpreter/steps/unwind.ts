/**
 * What sequential loops and tryCatch do when something inside them has ended. Each returns the step's own
 * completion, or undefined where the step goes on.
 */
import { DEFAULTS, type ForEachStep, type WhileStep } from '../../../contracts/definition/index.js';
import { SluiceError } from '../../../contracts/errors.js';
import { errorCompletion, isCatchable } from '../state/failure.js';
import type { Lane } from '../lane/lane.js';
import type { Run } from '../run/run.js';
import type { Completion, ForEachFrame, TryFrame, WhileFrame } from '../state/state.js';
import { save } from '../run/step-events.js';
import { collected } from './for-each.js';

/** An iteration has ended: the next one, or the end of the loop. */
export function unwindForEach(
  run: Run,
  lane: Lane,
  frame: ForEachFrame,
  inner: Completion,
): Completion | undefined {
  const step = run.stepAt(frame.path);
  if (step.type !== 'control.forEach') throw mismatch(frame.path);
  const ended = inner.t === 'normal' || inner.t === 'continue' ? collect(run, lane, step, frame) : inner;
  switch (ended.t) {
    case 'normal':
    case 'continue':
      break;
    case 'error':
      if (step.onItemError !== 'continue' || !isCatchable(ended.error)) return left(run, frame, ended);
      frame.results.push(null);
      break;
    case 'break':
      left(run, frame, ended);
      save(run, lane, step, frame.results);
      return { t: 'normal' };
    case 'return':
    case 'cancel':
      return left(run, frame, ended);
  }
  if (frame.index + 1 < frame.items.length) {
    frame.index++;
    lane.touch();
    lane.push({ k: 'block', path: `${frame.path}.body`, i: 0 });
    return undefined;
  }
  left(run, frame, ended);
  save(run, lane, step, frame.results);
  return { t: 'normal' };
}

/** An iteration whose `collect` fails has failed. */
function collect(run: Run, lane: Lane, step: ForEachStep, frame: ForEachFrame): Completion {
  try {
    const { value, bytes } = collected(run, lane, step, frame.path);
    frame.results.push(value);
    frame.bytes += bytes;
    return { t: 'normal' };
  } catch (thrown) {
    return errorCompletion(thrown, frame.path);
  }
}

function left(run: Run, frame: ForEachFrame, completion: Completion): Completion {
  run.carry.release(frame.bytes);
  frame.bytes = 0;
  return completion;
}

/** An iteration has ended: the condition decides. */
export function unwindWhile(
  run: Run,
  lane: Lane,
  frame: WhileFrame,
  inner: Completion,
): Completion | undefined {
  if (inner.t === 'break') return { t: 'normal' };
  if (inner.t !== 'normal' && inner.t !== 'continue') return inner;
  const step = run.stepAt(frame.path);
  if (step.type !== 'control.while') throw mismatch(frame.path);
  if (!whileHolds(run, lane, step, frame.path, frame.n)) return { t: 'normal' };
  iterateWhile(lane, frame);
  return undefined;
}

/**
 * Whether the loop goes on after that many iterations.
 * @throws SluiceError LOOP_LIMIT past maxIterations, CONDITION_INVALID, EXPRESSION_*
 */
export function whileHolds(run: Run, lane: Lane, step: WhileStep, path: string, done: number): boolean {
  if (!run.evaluator.condition(lane, step.condition, path)) return false;
  const most = step.maxIterations ?? DEFAULTS.maxIterations;
  if (done < most) return true;
  throw new SluiceError(
    'LOOP_LIMIT',
    `The loop ${step.id} has run ${most} times and its condition still holds`,
    { details: { maxIterations: most } },
  );
}

/** Begins the next iteration. */
export function iterateWhile(lane: Lane, frame: WhileFrame): void {
  frame.n++;
  lane.touch();
  lane.push({ k: 'block', path: `${frame.path}.body`, i: 0 });
}

/**
 * try → catch → finally. `finally` runs once after anything; an error of its own replaces an error that is
 * pending, never a cancellation, a return or an error that nobody may catch.
 */
export function unwindTry(run: Run, lane: Lane, frame: TryFrame, inner: Completion): Completion | undefined {
  const step = run.stepAt(frame.path);
  if (step.type !== 'control.tryCatch') throw mismatch(frame.path);
  if (frame.phase === 'finally') {
    const pending = frame.pending ?? { t: 'normal' };
    if (inner.t === 'normal') return pending;
    const denied = pending.t === 'error' && !isCatchable(pending.error);
    return pending.t === 'cancel' || pending.t === 'return' || denied ? pending : inner;
  }
  if (
    frame.phase === 'try' &&
    inner.t === 'error' &&
    step.catch !== undefined &&
    catches(step.catchCodes, inner)
  ) {
    frame.phase = 'catch';
    frame.error = inner.error;
    frame.retryable = inner.retryable;
    lane.touch();
    lane.push({ k: 'block', path: `${frame.path}.catch`, i: 0 });
    return undefined;
  }
  if (step.finally === undefined) return inner;
  frame.phase = 'finally';
  frame.pending = inner;
  delete frame.error;
  delete frame.retryable;
  lane.touch();
  lane.push({ k: 'block', path: `${frame.path}.finally`, i: 0 });
  return undefined;
}

function catches(
  codes: readonly string[] | undefined,
  { error }: { readonly error: { readonly code: string } & Parameters<typeof isCatchable>[0] },
): boolean {
  return isCatchable(error) && (codes === undefined || codes.includes(error.code));
}

function mismatch(path: string): SluiceError {
  return new SluiceError('STATE_CORRUPT', `The frame at ${path} belongs to another step type`);
}
