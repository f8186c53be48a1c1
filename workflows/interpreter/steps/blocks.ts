/** control.if, control.switch and control.tryCatch. */
import type { Step } from '../../../contracts/definition/index.js';
import { now } from '../../runtime/clock.js';
import { isCatchable, type ErrorCompletion } from '../state/failure.js';
import { beginEvent } from '../run/step-events.js';
import type { StepContext, StepOf } from '../run/step-context.js';
import { NORMAL, type Completion, type TryFrame } from '../state/state.js';

/** Begins a control.if. */
export function beginIf(context: StepContext<StepOf<'control.if'>>): Completion | undefined {
  const { step } = context;
  const block = context.condition(step.condition) ? 'then' : 'else';
  return enterBlock(context, block, block === 'then' ? step.then : step.else);
}

/** Begins a control.switch: the first case whose condition holds, else the default. */
export function beginSwitch(context: StepContext<StepOf<'control.switch'>>): Completion | undefined {
  const { step } = context;
  const index = step.cases.findIndex(({ when }) => context.condition(when));
  if (index < 0) return enterBlock(context, 'default', step.default);
  return enterBlock(context, `cases[${index}]`, step.cases[index]?.steps);
}

/** Enters the chosen block; the step ends at once where the definition leaves that block out. */
function enterBlock(
  context: StepContext,
  block: string,
  steps: readonly Step[] | undefined,
): Completion | undefined {
  if (steps === undefined) return NORMAL;
  const { lane, path } = context;
  beginEvent(context);
  lane.push({ k: 'scope', path, at: now() });
  lane.push({ k: 'block', path: `${path}.${block}`, i: 0 });
  return undefined;
}

/** Begins a control.tryCatch. */
export function beginTry(context: StepContext<StepOf<'control.tryCatch'>>): undefined {
  const { lane, path } = context;
  beginEvent(context);
  lane.push({ k: 'try', path, at: now(), phase: 'try' });
  lane.push({ k: 'block', path: `${path}.try`, i: 0 });
  return undefined;
}

/**
 * try → catch → finally. `finally` runs once after any end. If it fails itself, its error replaces a pending
 * error that can be caught; it never replaces a cancellation, a return or an error that no handler may catch.
 */
export function unwindTry(context: StepContext, frame: TryFrame, inner: Completion): Completion | undefined {
  context.narrow('control.tryCatch', otherStepType(frame.path));
  const { lane, step } = context;
  if (frame.phase === 'finally') {
    const pending = frame.pending ?? NORMAL;
    if (inner.t === 'normal') return pending;
    const uncatchable = pending.t === 'error' && !isCatchable(pending.error);
    return pending.t === 'cancel' || pending.t === 'return' || uncatchable ? pending : inner;
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

function catches(codes: readonly string[] | undefined, { error }: ErrorCompletion): boolean {
  return isCatchable(error) && (codes === undefined || codes.includes(error.code));
}

/** The message of a frame whose path leads to a step of another type. */
export function otherStepType(path: string): string {
  return `The frame at ${path} belongs to another step type`;
}
