/** control.forEach one item after the other, and control.while. */
import { DEFAULTS } from '../../../contracts/definition/index.js';
import { SluiceError } from '../../../contracts/errors.js';
import { jsonSize, type Json } from '../../../contracts/json.js';
import { now } from '../../runtime/clock.js';
import { errorCompletion, isCatchable } from '../state/failure.js';
import type { Lane } from '../lane/lane.js';
import type { Run } from '../run/run.js';
import type { StepContext, StepOf } from '../run/step-context.js';
import { beginEvent, save } from '../run/step-events.js';
import { NORMAL, type Completion, type ForEachFrame, type WhileFrame } from '../state/state.js';
import { otherStepType } from './blocks.js';

/**
 * Begins a loop over items: in sequence, or as lanes where `concurrency` is over 1 (fan-out.ts).
 * @throws SluiceError ITEMS_INVALID for null and undefined, STATE_TOO_LARGE, EXPRESSION_*
 */
export function beginForEach(context: StepContext<StepOf<'control.forEach'>>): Completion | undefined {
  const { run, lane, step, path } = context;
  const items = listOf(context.mapping(step.items), path);
  if (items.length === 0) {
    save(context, []);
    return NORMAL;
  }
  const bytes = jsonSize(items);
  run.carriedSize.hold(bytes);
  beginEvent(context);
  const base = { path, at: now(), items, results: [], bytes };
  if ((step.concurrency ?? DEFAULTS.concurrency) > 1) {
    lane.push({ k: 'fanOut', ...base, next: 0, lanes: {} });
    return undefined;
  }
  lane.push({ k: 'forEach', ...base, index: 0 });
  lane.push({ k: 'block', path: `${path}.body`, i: 0 });
  return undefined;
}

/** A single value that is not an array counts as a list of one. */
function listOf(value: Json, path: string): readonly Json[] {
  if (value === null) throw new SluiceError('ITEMS_INVALID', `items of ${path} gave null or no value`);
  return Array.isArray(value) ? (value as readonly Json[]) : [value];
}

/** The result of an iteration: `collect`, evaluated at its end in the lane of the iteration. */
export function collect(context: StepContext<StepOf<'control.forEach'>>): {
  readonly value: Json;
  readonly bytes: number;
} {
  const { run, step } = context;
  if (step.collect === undefined) return { value: null, bytes: 0 };
  const value = context.mapping(step.collect);
  const bytes = jsonSize(value);
  run.carriedSize.hold(bytes);
  return { value, bytes };
}

/** An iteration of a forEach has ended: the next one begins, or the loop ends. */
export function unwindForEach(
  context: StepContext,
  frame: ForEachFrame,
  inner: Completion,
): Completion | undefined {
  context.narrow('control.forEach', otherStepType(frame.path));
  const { run, lane, step } = context;
  const ended = inner.t === 'normal' || inner.t === 'continue' ? collectResult(context, frame) : inner;
  switch (ended.t) {
    case 'normal':
    case 'continue':
      break;
    case 'error':
      if (step.onItemError !== 'continue' || !isCatchable(ended.error)) return leave(run, frame, ended);
      frame.results.push(null);
      break;
    case 'break':
      leave(run, frame, ended);
      save(context, frame.results);
      return NORMAL;
    case 'return':
    case 'cancel':
      return leave(run, frame, ended);
  }
  if (frame.index + 1 < frame.items.length) {
    frame.index++;
    lane.touch();
    lane.push({ k: 'block', path: `${frame.path}.body`, i: 0 });
    return undefined;
  }
  leave(run, frame, ended);
  save(context, frame.results);
  return NORMAL;
}

/** An iteration whose `collect` fails has failed. */
function collectResult(context: StepContext<StepOf<'control.forEach'>>, frame: ForEachFrame): Completion {
  try {
    const { value, bytes } = collect(context);
    frame.results.push(value);
    frame.bytes += bytes;
    return NORMAL;
  } catch (thrown) {
    return errorCompletion(thrown, frame.path);
  }
}

function leave(run: Run, frame: ForEachFrame, completion: Completion): Completion {
  run.carriedSize.release(frame.bytes);
  frame.bytes = 0;
  return completion;
}

/** Begins a control.while. */
export function beginWhile(context: StepContext<StepOf<'control.while'>>): Completion | undefined {
  const { lane, path } = context;
  if (!goesOn(context, 0)) return NORMAL;
  beginEvent(context);
  const frame = { k: 'while' as const, path, at: now(), n: 0 };
  lane.push(frame);
  iterate(lane, frame);
  return undefined;
}

/** An iteration of a while has ended: the condition decides. */
export function unwindWhile(
  context: StepContext,
  frame: WhileFrame,
  inner: Completion,
): Completion | undefined {
  if (inner.t === 'break') return NORMAL;
  if (inner.t !== 'normal' && inner.t !== 'continue') return inner;
  context.narrow('control.while', otherStepType(frame.path));
  if (!goesOn(context, frame.n)) return NORMAL;
  iterate(context.lane, frame);
  return undefined;
}

/**
 * Whether the loop goes on.
 * @param iterations how many have ended
 * @throws SluiceError LOOP_LIMIT past maxIterations, CONDITION_INVALID, EXPRESSION_*
 */
function goesOn(context: StepContext<StepOf<'control.while'>>, iterations: number): boolean {
  const { step } = context;
  if (!context.condition(step.condition)) return false;
  const most = step.maxIterations ?? DEFAULTS.maxIterations;
  if (iterations < most) return true;
  throw new SluiceError(
    'LOOP_LIMIT',
    `The loop ${step.id} has run ${most} times and its condition still holds`,
    { details: { maxIterations: most } },
  );
}

/** Begins the next iteration. */
function iterate(lane: Lane, frame: WhileFrame): void {
  frame.n++;
  lane.touch();
  lane.push({ k: 'block', path: `${frame.path}.body`, i: 0 });
}
