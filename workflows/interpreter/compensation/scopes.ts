/**
 * The two kinds of compensation scope: `control.saga`, and the run.
 *
 * A compensation scope that ends with an error runs its compensations, and then ends with that error. On
 * cancellation: that of the run is decided by the run (`onCancel`), so a `control.saga` hands over its
 * entries; a lane that is cancelled because it lost a race or a sibling failed leaves a scope that is cut
 * short, which is compensated.
 */
import { DEFAULTS } from '../../../contracts/definition/index.js';
import { now } from '../../runtime/clock.js';
import type { Run } from '../run/run.js';
import { StepContext, type StepOf } from '../run/step-context.js';
import type { Completion, SingleBlockFrame } from '../state/state.js';
import { beginEvent } from '../run/step-events.js';
import { entriesOf, handOver, RUN_SCOPE } from './stack.js';
import { beginCompensation } from './compensate.js';

/** Begins a control.saga. */
export function beginCompensationScope(context: StepContext<StepOf<'control.saga'>>): undefined {
  const { lane, path, iteration } = context;
  const { compensationScope: outer } = lane.surroundings;
  beginEvent(context);
  // Persisted in the state that running runs carry, so the spelling never changes; it differs from
  // `placeKey`.
  const scope = `${path}[${iteration.join(',')}]`;
  lane.push({ k: 'scope', path, at: now(), saga: { scope, outer } });
  lane.push({ k: 'block', path: `${path}.steps`, i: 0 });
}

/** The end of a step's single block: returns the step's end; undefined where its compensations run first. */
export function unwindSingleBlock(
  context: StepContext,
  frame: SingleBlockFrame,
  completion: Completion,
): Completion | undefined {
  const { run } = context;
  if (frame.saga === undefined) return completion;
  const { scope, outer } = frame.saga;
  if (entriesOf(run, scope).length === 0) return completion;
  if (completion.t === 'error' || (completion.t === 'cancel' && !run.cancelRequested)) {
    beginCompensation(context, scope, completion);
    return undefined;
  }
  handOver(run, scope, outer);
  return completion;
}

/**
 * Begins the compensation of the run, if its root lane has ended in a way that needs one.
 * @param end how the run would end; its compensations do not change that
 * @returns true where the root lane has to go on with the compensations
 */
export function beginRunCompensation(run: Run, end: Completion): boolean {
  const onCancel = run.definition.onCancel ?? DEFAULTS.onCancel;
  const fails = end.t === 'error' || (end.t === 'cancel' && onCancel === 'compensate');
  if (!fails || entriesOf(run, RUN_SCOPE).length === 0) return false;
  delete run.root.state.end;
  beginCompensation(new StepContext(run, run.root, ''), RUN_SCOPE, end);
  return true;
}
