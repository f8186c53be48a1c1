import { DEFAULTS, type ForEachStep } from '../../../contracts/definition/index.js';
import { SluiceError } from '../../../contracts/errors.js';
import { jsonSize, type Json } from '../../../contracts/json.js';
import { now } from '../../runtime/clock.js';
import type { Lane } from '../lane/lane.js';
import type { Run } from '../run/run.js';
import type { Completion } from '../state/state.js';
import { beginEvent, save } from '../run/step-events.js';

/**
 * Begins a loop over items: in sequence, or as lanes where `concurrency` is over 1.
 * @throws SluiceError ITEMS_INVALID for null and undefined, STATE_TOO_LARGE, EXPRESSION_*
 */
export function beginForEach(run: Run, lane: Lane, step: ForEachStep, path: string): Completion | undefined {
  const items = listOf(run.evaluator.mapping(lane, step.items, path), path);
  if (items.length === 0) {
    save(run, lane, step, []);
    return { t: 'normal' };
  }
  const bytes = jsonSize(items);
  run.carry.hold(bytes);
  beginEvent(run, lane, step, path);
  const base = { path, at: now(), items, results: [], bytes };
  if ((step.concurrency ?? DEFAULTS.concurrency) > 1) {
    lane.push({ k: 'fanOut', ...base, next: 0, lanes: {} });
    return undefined;
  }
  lane.push({ k: 'forEach', ...base, index: 0 });
  lane.push({ k: 'block', path: `${path}.body`, i: 0 });
  return undefined;
}

/** One value that is no array is a list of one. */
function listOf(value: Json, path: string): readonly Json[] {
  if (value === null) throw new SluiceError('ITEMS_INVALID', `items of ${path} gave null or no value`);
  return Array.isArray(value) ? (value as readonly Json[]) : [value];
}

/** What an iteration adds to the results: `collect`, evaluated at its end. */
export function collected(
  run: Run,
  lane: Lane,
  step: ForEachStep,
  path: string,
): { readonly value: Json; readonly bytes: number } {
  if (step.collect === undefined) return { value: null, bytes: 0 };
  const value = run.evaluator.mapping(lane, step.collect, path);
  const bytes = jsonSize(value);
  run.carry.hold(bytes);
  return { value, bytes };
}
