/**
 * control.forEach with concurrency over 1: iterations as lanes, at most that many at once.
 *
 * Invariants
 * - Every iteration starts from the variables as they were when the step began, also one that starts late.
 * - What iterations wrote is applied in item order at the end, so the outcome does not depend on timing.
 * - However loops are nested, the run has a bounded number of lanes: what each costs is held, and past
 *   `LIMITS.lanes` each loop starts its iterations one after the other.
 * - Items that were not begun when the run continues as new are begun in the next execution.
 */
import { DEFAULTS, type ForEachStep } from '../../../contracts/definition/index.js';
import { SluiceError } from '../../../contracts/errors.js';
import { errorCompletion, isCatchable } from '../state/failure.js';
import type { Lane } from '../lane/lane.js';
import type { Run } from '../run/run.js';
import type { Completion, FanOutFrame, LaneState } from '../state/state.js';
import { save } from '../run/step-events.js';
import { LIMITS } from '../../../contracts/limits.js';
import { collected } from './for-each.js';
import {
  applyWrites,
  holdLane,
  newLane,
  releaseLane,
  releaseWrites,
  runInside,
  whileInside,
  type RunLane,
} from './lanes.js';

/** Runs iterations until all have ended, one has decided the step, or the run shall continue as new. */
export async function continueFanOut(
  run: Run,
  lane: Lane,
  frame: FanOutFrame,
  runLane: RunLane,
): Promise<Completion | 'parked'> {
  const step = run.stepAt(frame.path);
  if (step.type !== 'control.forEach') {
    throw new SluiceError('STATE_CORRUPT', `${frame.path} is no control.forEach`);
  }
  const unfinished = Object.entries(frame.lanes).flatMap(([index, state]) =>
    state.end === undefined ? [Number(index)] : [],
  );
  const resumed = unfinished.length;
  let parked = false;
  const isMore = (): boolean =>
    frame.decided === undefined && !lane.interrupted && frame.next < frame.items.length;
  const next = (): number | undefined => {
    const begun = unfinished.shift();
    if (begun !== undefined) return begun;
    if (!isMore()) return undefined;
    if (run.parking) {
      parked = true;
      return undefined;
    }
    return frame.next++;
  };
  const work = async (): Promise<void> => {
    for (let index = next(); index !== undefined; index = next()) {
      const known = frame.lanes[index];
      const state = known ?? newLane(`${frame.path}.body`, index);
      frame.lanes[index] = state;
      if (known === undefined && !holdLane(run, state, frame.path)) {
        noteEnd(run, lane, frame, step, index, state);
        continue;
      }
      const ended = await runInside(run, lane, state, frame.decided !== undefined, runLane);
      if (ended === 'parked') {
        parked = true;
      } else {
        releaseLane(run, frame.path);
        noteEnd(run, lane, frame, step, index, state);
      }
    }
  };
  const most = Math.min(Math.max(step.concurrency ?? DEFAULTS.concurrency, resumed), frame.items.length);
  const workers: Promise<void>[] = [];
  await whileInside(run, async () => {
    while (workers.length < most) {
      // One lane of each loop always runs, so that loops nested in one another come to an end.
      if (workers.length >= Math.max(1, resumed) && run.leaves >= LIMITS.lanes) {
        const pause = await run.pause(lane, 'lanes', undefined, () => run.leaves < LIMITS.lanes || !isMore());
        if (pause === 'parked' && isMore()) parked = true;
        if (pause !== 'ready') break;
      }
      workers.push(work());
      if (unfinished.length === 0 && !isMore()) break;
    }
    await Promise.all(workers);
  });
  if (parked) return 'parked';
  return end(run, lane, frame, step);
}

/** An iteration has ended: its result, or what it decides. */
function noteEnd(
  run: Run,
  lane: Lane,
  frame: FanOutFrame,
  step: ForEachStep,
  index: number,
  state: LaneState,
): void {
  let ended = state.end as Completion;
  if (ended.t === 'normal' || ended.t === 'continue') {
    try {
      const { value, bytes } = collected(run, run.lane(state, lane), step, frame.path);
      frame.results[index] = value;
      frame.bytes += bytes;
      if (state.writes.length === 0 && state.event === undefined) delete frame.lanes[index];
      return;
    } catch (thrown) {
      ended = state.end = errorCompletion(thrown, frame.path);
    }
  }
  frame.results[index] = null;
  if (ended.t === 'cancel') return;
  if (ended.t === 'error' && step.onItemError === 'continue' && isCatchable(ended.error)) {
    releaseWrites(run, [state]);
    delete frame.lanes[index];
    return;
  }
  if (frame.decided !== undefined) return;
  frame.decided = index;
  for (const sibling of lane.children) sibling.cancel();
}

function end(run: Run, lane: Lane, frame: FanOutFrame, step: ForEachStep): Completion {
  run.carry.release(frame.bytes);
  frame.bytes = 0;
  const lanes = Object.values(frame.lanes);
  const decided = frame.decided === undefined ? undefined : frame.lanes[frame.decided];
  if (lane.interrupted) {
    releaseWrites(run, lanes);
    return { t: 'cancel' };
  }
  // A return takes its own lane's writes along; a break those of all that ended before it.
  const kept = lanes.filter((state) => keeps(state, decided));
  releaseWrites(
    run,
    lanes.filter((state) => !kept.includes(state)),
  );
  applyWrites(run, lane, kept);
  if (decided?.end !== undefined && decided.end.t !== 'break') return decided.end;
  save(
    run,
    lane,
    step,
    Array.from({ length: frame.items.length }, (_, i) => frame.results[i] ?? null),
  );
  return { t: 'normal' };
}

function keeps(state: LaneState, decided: LaneState | undefined): boolean {
  const t = state.end?.t;
  if (decided?.end === undefined || decided.end.t === 'break') {
    return t === 'normal' || t === 'continue' || t === 'break';
  }
  return state === decided && t === 'return';
}
