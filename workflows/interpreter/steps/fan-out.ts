/**
 * control.forEach with concurrency over 1: iterations run as lanes, a limited number at once.
 *
 * Invariants
 * - Every iteration starts from the variables as they were when the step began, also one that starts late.
 * - The writes of iterations are applied in item order at the end, so the outcome does not depend on timing.
 * - However deep loops are nested, the run has a bounded number of lanes: the size of each is held, and past
 *   `LIMITS.lanes` each loop starts its iterations one after the other.
 * - Items that have not begun when the run continues as new begin in the next execution.
 */
import { DEFAULTS } from '../../../contracts/definition/index.js';
import { LIMITS } from '../../../contracts/limits.js';
import { errorCompletion, isCatchable } from '../state/failure.js';
import type { StepContext, StepOf } from '../run/step-context.js';
import { NORMAL, type Completion, type FanOutFrame, type LaneState } from '../state/state.js';
import { save } from '../run/step-events.js';
import { collect } from './loops.js';
import {
  applyWrites,
  endLanes,
  holdLane,
  newLane,
  releaseLane,
  releaseWrites,
  runInside,
  whileInside,
} from './lanes.js';

type ForEachContext = StepContext<StepOf<'control.forEach'>>;

/** Runs iterations until all have ended, one has decided the step, or the run is to continue as new. */
export async function continueFanOut(
  context: StepContext,
  frame: FanOutFrame,
): Promise<Completion | 'parked'> {
  context.narrow('control.forEach');
  const { run, lane, step } = context;
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
      const begun = frame.lanes[index];
      const state = begun ?? newLane(`${frame.path}.body`, index);
      frame.lanes[index] = state;
      if (begun === undefined && !holdLane(context, state)) {
        noteEnd(context, frame, index, state);
        continue;
      }
      const ended = await runInside(context, state, frame.decided !== undefined);
      if (ended === 'parked') {
        parked = true;
      } else {
        releaseLane(context);
        noteEnd(context, frame, index, state);
      }
    }
  };
  const most = Math.min(Math.max(step.concurrency ?? DEFAULTS.concurrency, resumed), frame.items.length);
  const workers: Promise<void>[] = [];
  await whileInside(run, async () => {
    while (workers.length < most) {
      // One lane of each loop always runs, so that nested loops come to an end.
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
  return end(context, frame);
}

/** An iteration has ended: keeps its result, or what it decides. */
function noteEnd(context: ForEachContext, frame: FanOutFrame, index: number, state: LaneState): void {
  const { run, lane, step } = context;
  let ended = state.end as Completion;
  if (ended.t === 'normal' || ended.t === 'continue') {
    try {
      const { value, bytes } = collect(context.inLane(run.lane(state, lane)));
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

function end(context: ForEachContext, frame: FanOutFrame): Completion {
  const { run, lane } = context;
  run.carriedSize.release(frame.bytes);
  frame.bytes = 0;
  const lanes = Object.values(frame.lanes);
  const decided = frame.decided === undefined ? undefined : frame.lanes[frame.decided];
  if (lane.interrupted) {
    endLanes(context, lanes, undefined);
    return { t: 'cancel' };
  }
  if (decided?.end !== undefined && decided.end.t !== 'break') {
    endLanes(context, lanes, decided.end.t === 'return' ? decided : undefined);
    return decided.end;
  }
  const kept = lanes.filter(
    ({ end: ended }) => ended?.t === 'normal' || ended?.t === 'continue' || ended?.t === 'break',
  );
  releaseWrites(
    run,
    lanes.filter((state) => !kept.includes(state)),
  );
  applyWrites(context, kept);
  save(
    context,
    Array.from({ length: frame.items.length }, (_, i) => frame.results[i] ?? null),
  );
  return NORMAL;
}
