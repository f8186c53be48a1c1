/**
 * The two kinds of scope: `control.saga`, and the run.
 *
 * A scope that ends with an error is undone, and then ends with that error. Cancellation: that of the run is
 * the run's matter (`onCancel`), so a `control.saga` hands over what it did; a lane that is cancelled because
 * it lost a race or a sibling failed leaves a scope that is cut short, which is undone.
 */
import { DEFAULTS, type SagaStep } from '../../../contracts/definition/index.js';
import { now } from '../../runtime/clock.js';
import type { Lane } from '../lane/lane.js';
import type { Run } from '../run/run.js';
import type { Completion, ScopeFrame } from '../state/state.js';
import { beginEvent } from '../run/step-events.js';
import { entriesOf, handOver, RUN_SCOPE } from './stack.js';
import { beginUndo } from './undo.js';

/** Begins a control.saga. */
export function beginSaga(run: Run, lane: Lane, step: SagaStep, path: string): undefined {
  const { iteration, saga: outer } = lane.surroundings;
  beginEvent(run, lane, step, path);
  lane.push({ k: 'scope', path, at: now(), saga: { scope: `${path}[${iteration.join(',')}]`, outer } });
  lane.push({ k: 'block', path: `${path}.steps`, i: 0 });
}

/** What a block's end means for the step around it; undefined where the step goes on and undoes itself. */
export function unwindScope(
  run: Run,
  lane: Lane,
  frame: ScopeFrame,
  completion: Completion,
): Completion | undefined {
  if (frame.saga === undefined) return completion;
  const { scope, outer } = frame.saga;
  if (entriesOf(run, scope).length === 0) return completion;
  if (completion.t === 'error' || (completion.t === 'cancel' && !run.cancelRequested)) {
    beginUndo(run, lane, scope, frame.path, completion);
    return undefined;
  }
  handOver(run, scope, outer);
  return completion;
}

/**
 * What is left to do when the run's root lane has ended: nothing, or to undo what the run did.
 * @param end how the run would end; it does end so, whatever happens meanwhile
 * @returns true where the root lane has to go on for that
 */
export function undoesRun(run: Run, end: Completion): boolean {
  const onCancel = run.definition.onCancel ?? DEFAULTS.onCancel;
  const fails = end.t === 'error' || (end.t === 'cancel' && onCancel === 'compensate');
  if (!fails || entriesOf(run, RUN_SCOPE).length === 0) return false;
  delete run.root.state.end;
  beginUndo(run, run.root, RUN_SCOPE, '', end);
  return true;
}
