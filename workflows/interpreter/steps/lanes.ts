/** Lanes inside a lane: the parts that parallel, race and concurrent forEach share. */
import { jsonSize } from '../../../contracts/json.js';
import { errorCompletion } from '../state/failure.js';
import type { Run } from '../run/run.js';
import type { StepContext } from '../run/step-context.js';
import type { LaneState } from '../state/state.js';

/**
 * The state of a new lane.
 * @param block path of the block that it runs
 * @param item item index, for a lane of a fan-out
 */
export function newLane(block: string, item?: number): LaneState {
  return { frames: [{ k: 'block', path: block, i: 0 }], writes: [], ...(item !== undefined && { item }) };
}

/** Estimated bytes of a lane's frames: the run carries them all. */
export function laneBytes(stepPath: string): number {
  return 400 + 2 * stepPath.length;
}

/**
 * Counts a new lane. Where the run has no room for it, the lane ends with STATE_TOO_LARGE, and this returns
 * false.
 */
export function holdLane({ run, path }: StepContext, state: LaneState): boolean {
  try {
    run.carriedSize.hold(laneBytes(path));
    return true;
  } catch (thrown) {
    state.end = errorCompletion(thrown, path);
    return false;
  }
}

/** Gives back what `holdLane` counted, when the lane has ended. */
export function releaseLane({ run, path }: StepContext): void {
  run.carriedSize.release(laneBytes(path));
}

/**
 * Runs one lane inside the step's lane until it has ended or is parked.
 * @param stopped the step is decided already: the lane only cleans up
 */
export async function runInside(
  { run, lane: outer }: StepContext,
  state: LaneState,
  stopped: boolean,
): Promise<'ended' | 'parked'> {
  const inner = run.lane(state, outer);
  outer.children.add(inner);
  if (stopped) inner.cancel();
  run.leaves++;
  try {
    return await run.runLane(inner);
  } finally {
    run.leaves--;
    outer.children.delete(inner);
    run.laneEnded();
  }
}

/** Runs lanes inside a lane; meanwhile the outer lane is not a leaf. */
export async function whileInside<T>(run: Run, work: () => Promise<T>): Promise<T> {
  run.leaves--;
  try {
    return await work();
  } finally {
    run.leaves++;
  }
}

/**
 * Applies what lanes wrote to the lane around them, path by path, in the given order; if one write fails,
 * none has happened.
 * @throws SluiceError STATE_TOO_LARGE, ASSIGN_INVALID
 */
export function applyWrites({ run, lane }: StepContext, lanes: readonly LaneState[]): void {
  releaseWrites(run, lanes);
  const restore = run.restorePoint(lane);
  try {
    for (const { writes } of lanes) {
      for (const write of writes) if ('p' in write) run.assign(lane, write.p, write.v);
    }
  } catch (error) {
    restore();
    throw error;
  }
  for (const { writes, event } of lanes) {
    for (const write of writes) if ('state' in write) run.setState(lane, write.state);
    if (event !== undefined) run.setEvent(lane, event);
  }
}

/**
 * Ends lanes whose step fails, is cancelled or is left. The writes of those that ended well are applied, in
 * branch or item order, with the writes of the lane that leaves the step.
 * @param leaving the lane that decided it, where its writes are kept
 */
export function endLanes(
  context: StepContext,
  lanes: readonly LaneState[],
  leaving: LaneState | undefined,
): void {
  const { run } = context;
  const well = lanes.filter((state) => state !== leaving && endedWell(state) && hasWritten(state));
  const kept = well.length > 0 && run.endedWell.inForce() ? well : [];
  const applied = lanes.filter((state) => state === leaving || kept.includes(state));
  releaseWrites(
    run,
    lanes.filter((state) => !applied.includes(state)),
  );
  try {
    applyWrites(context, applied);
  } catch (thrown) {
    // How the step ends is decided, and says more than that two branches wrote what does not fit together.
    if (leaving !== undefined) throw thrown;
  }
}

function endedWell({ end }: LaneState): boolean {
  return end?.t === 'normal' || end?.t === 'continue';
}

function hasWritten({ writes, event }: LaneState): boolean {
  return writes.length > 0 || event !== undefined;
}

/** Gives back the bytes that the writes and events of lanes held. */
export function releaseWrites(run: Run, lanes: readonly LaneState[]): void {
  for (const { writes, event } of lanes) {
    for (const write of writes) if ('p' in write) run.carriedSize.release(jsonSize(write.v));
    if (event !== undefined) run.carriedSize.release(jsonSize(event));
  }
}
