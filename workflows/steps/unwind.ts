/**
 * What sequential loops and tryCatch do when something inside them has ended. Each returns the step's own
 * completion, or undefined where the step goes on.
 */
import { DEFAULTS } from '../../contracts/definition/index.js';
import { SluiceError } from '../../contracts/errors.js';
import { isCatchable } from '../interpreter/failure.js';
import type { Lane } from '../interpreter/lane.js';
import type { Run } from '../interpreter/run.js';
import type { Completion, ForEachFrame, TryFrame, WhileFrame } from '../interpreter/state.js';
import { save } from '../interpreter/step-events.js';
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
  switch (inner.t) {
    case 'normal':
    case 'continue': {
      const { value, bytes } = collected(run, lane, step, frame.path);
      frame.results.push(value);
      frame.bytes += bytes;
      break;
    }
    case 'error':
      if (step.onItemError !== 'continue' || !isCatchable(inner.error)) return left(run, frame, inner);
      frame.results.push(null);
      break;
    case 'break':
      save(run, lane, step, frame.results);
      return left(run, frame, { t: 'normal' });
    case 'return':
    case 'cancel':
      return left(run, frame, inner);
  }
  if (frame.index + 1 < frame.items.length) {
    frame.index++;
    lane.touch();
    lane.push({ k: 'block', path: `${frame.path}.body`, i: 0 });
    return undefined;
  }
  run.release(frame.bytes);
  frame.bytes = 0;
  save(run, lane, step, frame.results);
  return { t: 'normal' };
}

function left(run: Run, frame: ForEachFrame, completion: Completion): Completion {
  run.release(frame.bytes);
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
  return whileGoesOn(run, lane, frame) ? undefined : { t: 'normal' };
}

/**
 * Evaluates the condition and begins the next iteration if it holds.
 * @throws SluiceError LOOP_LIMIT past maxIterations, CONDITION_INVALID, EXPRESSION_*
 */
export function whileGoesOn(run: Run, lane: Lane, frame: WhileFrame): boolean {
  const step = run.stepAt(frame.path);
  if (step.type !== 'control.while') throw mismatch(frame.path);
  if (!run.evaluator.condition(lane, step.condition, frame.path)) return false;
  const most = step.maxIterations ?? DEFAULTS.maxIterations;
  if (frame.n >= most) {
    throw new SluiceError(
      'LOOP_LIMIT',
      `The loop ${step.id} has run ${most} times and its condition still holds`,
      { details: { maxIterations: most } },
    );
  }
  frame.n++;
  lane.touch();
  lane.push({ k: 'block', path: `${frame.path}.body`, i: 0 });
  return true;
}

/**
 * try → catch → finally. `finally` runs once after anything; an error of its own replaces an error that is
 * pending, never a cancellation or a return.
 */
export function unwindTry(run: Run, lane: Lane, frame: TryFrame, inner: Completion): Completion | undefined {
  const step = run.stepAt(frame.path);
  if (step.type !== 'control.tryCatch') throw mismatch(frame.path);
  if (frame.phase === 'finally') {
    const pending = frame.pending ?? { t: 'normal' };
    if (inner.t === 'normal') return pending;
    return pending.t === 'cancel' || pending.t === 'return' ? pending : inner;
  }
  if (
    frame.phase === 'try' &&
    inner.t === 'error' &&
    step.catch !== undefined &&
    catches(step.catchCodes, inner)
  ) {
    frame.phase = 'catch';
    frame.error = inner.error;
    lane.touch();
    lane.push({ k: 'block', path: `${frame.path}.catch`, i: 0 });
    return undefined;
  }
  if (step.finally === undefined) return inner;
  frame.phase = 'finally';
  frame.pending = inner;
  delete frame.error;
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
