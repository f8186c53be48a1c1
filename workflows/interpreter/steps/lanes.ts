/** What parallel, race and concurrent forEach share: lanes inside a lane. */
import { jsonSize } from '../../../contracts/json.js';
import { errorCompletion } from '../state/failure.js';
import type { Lane } from '../lane/lane.js';
import type { Run } from '../run/run.js';
import type { LaneState } from '../state/state.js';

/** How the machine runs a lane; handed in, so that steps do not import the machine that imports them. */
export type RunLane = (run: Run, lane: Lane) => Promise<'ended' | 'parked'>;

/** A lane that is to run a block. */
export function newLane(block: string, item?: number): LaneState {
  return { frames: [{ k: 'block', path: block, i: 0 }], writes: [], ...(item !== undefined && { item }) };
}

/** Bytes that a lane's own frames have, more or less: the run carries them all. */
export function laneBytes(stepPath: string): number {
  return 400 + 2 * stepPath.length;
}

/** Counts a new lane; where the run has no room for it, the lane ends with STATE_TOO_LARGE: false. */
export function holdLane(run: Run, state: LaneState, stepPath: string): boolean {
  try {
    run.carry.hold(laneBytes(stepPath));
    return true;
  } catch (thrown) {
    state.end = errorCompletion(thrown, stepPath);
    return false;
  }
}

/** A lane has ended. */
export function releaseLane(run: Run, stepPath: string): void {
  run.carry.release(laneBytes(stepPath));
}

/** Runs one lane inside another until it has ended or is parked. */
export async function runInside(
  run: Run,
  outer: Lane,
  state: LaneState,
  stopped: boolean,
  runLane: RunLane,
): Promise<'ended' | 'parked'> {
  const inner = run.lane(state, outer);
  outer.children.add(inner);
  if (stopped) inner.cancel();
  run.leaves++;
  try {
    return await runLane(run, inner);
  } finally {
    run.leaves--;
    outer.children.delete(inner);
    run.laneEnded();
  }
}

/** Runs lanes inside a lane, which is no leaf meanwhile. */
export async function whileInside<T>(run: Run, work: () => Promise<T>): Promise<T> {
  run.leaves--;
  try {
    return await work();
  } finally {
    run.leaves++;
  }
}

/**
 * Applies what lanes wrote to the lane around them, path by path, in the order given; all or nothing.
 * @throws SluiceError STATE_TOO_LARGE, ASSIGN_INVALID
 */
export function applyWrites(run: Run, lane: Lane, lanes: readonly LaneState[]): void {
  releaseWrites(run, lanes);
  const undo = run.savepoint(lane);
  try {
    for (const { writes } of lanes) {
      for (const write of writes) if ('p' in write) run.assign(lane, write.p, write.v);
    }
  } catch (error) {
    undo();
    throw error;
  }
  for (const { writes, event } of lanes) {
    for (const write of writes) if ('state' in write) run.setState(lane, write.state);
    if (event !== undefined) run.setEvent(lane, event);
  }
}

/** Gives back the bytes that lanes' writes and events held. */
export function releaseWrites(run: Run, lanes: readonly LaneState[]): void {
  for (const { writes, event } of lanes) {
    for (const write of writes) if ('p' in write) run.carry.release(jsonSize(write.v));
    if (event !== undefined) run.carry.release(jsonSize(event));
  }
}
