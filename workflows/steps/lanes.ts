/** What parallel, race and concurrent forEach share: lanes inside a lane. */
import { jsonSize } from '../../contracts/json.js';
import type { Lane } from '../interpreter/lane.js';
import type { Run } from '../interpreter/run.js';
import type { LaneState } from '../interpreter/state.js';

/** How the machine runs a lane; handed in, so that steps do not import the machine that imports them. */
export type RunLane = (run: Run, lane: Lane) => Promise<'ended' | 'parked'>;

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
    if (event !== null) lane.state.event = event;
  }
}

/** Gives back the bytes that lanes' writes held. */
export function releaseWrites(run: Run, lanes: readonly LaneState[]): void {
  for (const { writes } of lanes) {
    for (const write of writes) if ('p' in write) run.release(jsonSize(write.v));
  }
}
