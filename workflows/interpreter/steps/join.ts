/**
 * control.parallel and control.race.
 *
 * Invariants
 * - The step ends when every lane has ended: those that were cancelled too, `finally` included.
 * - Which lane decided the step stands in the frame, so it is the same after a continue-as-new.
 * - The outcome does not depend on timing, but for who fails first and who wins a race.
 */
import type { ParallelStep, RaceStep } from '../../../contracts/definition/index.js';
import { SluiceError } from '../../../contracts/errors.js';
import type { Json } from '../../../contracts/json.js';
import { now } from '../../runtime/clock.js';
import { isCatchable } from '../state/failure.js';
import type { Lane } from '../lane/lane.js';
import type { Run } from '../run/run.js';
import type { Completion, JoinFrame } from '../state/state.js';
import { beginEvent, save } from '../run/step-events.js';
import {
  applyWrites,
  laneBytes,
  newLane,
  releaseWrites,
  runInside,
  whileInside,
  type RunLane,
} from './lanes.js';

/** Begins all branches. */
export function beginJoin(run: Run, lane: Lane, step: ParallelStep | RaceStep, path: string): undefined {
  const names = Object.keys(step.branches);
  run.carry.hold(names.length * laneBytes(path));
  beginEvent(run, lane, step, path);
  const lanes = names.map((name) => newLane(`${path}.branches.${name}`));
  lane.push({ k: 'join', path, at: now(), names, lanes });
  return undefined;
}

/** Runs the branches that have not ended, then says how the step ended. */
export async function continueJoin(
  run: Run,
  lane: Lane,
  frame: JoinFrame,
  runLane: RunLane,
): Promise<Completion | 'parked'> {
  const step = run.stepAt(frame.path);
  if (step.type !== 'control.parallel' && step.type !== 'control.race') {
    throw new SluiceError('STATE_CORRUPT', `${frame.path} has no branches`);
  }
  const open = frame.lanes.filter((state) => state.end === undefined);
  const ends = await whileInside(run, () =>
    Promise.all(
      open.map(async (state) => {
        const ended = await runInside(run, lane, state, frame.decided !== undefined, runLane);
        if (ended === 'ended') noteEnd(lane, frame, step, frame.lanes.indexOf(state));
        return ended;
      }),
    ),
  );
  if (ends.includes('parked')) return 'parked';
  run.carry.release(frame.names.length * laneBytes(frame.path));
  if (lane.interrupted) {
    releaseWrites(run, frame.lanes);
    return { t: 'cancel' };
  }
  return step.type === 'control.race' ? raceEnd(run, lane, step, frame) : parallelEnd(run, lane, step, frame);
}

/** A lane has ended: does that decide the step? Then the others are cancelled. */
function noteEnd(lane: Lane, frame: JoinFrame, step: ParallelStep | RaceStep, index: number): void {
  const end = frame.lanes[index]?.end;
  if (end === undefined || end.t === 'cancel' || frame.decided !== undefined) return;
  if (end.t === 'error') {
    frame.lastFailed = index;
    const goesOn = step.type === 'control.race' || step.join === 'settled';
    if (goesOn && isCatchable(end.error)) return;
  } else if (end.t === 'normal' && step.type === 'control.parallel') {
    return;
  }
  frame.decided = index;
  for (const sibling of lane.children) sibling.cancel();
}

function raceEnd(run: Run, lane: Lane, step: RaceStep, frame: JoinFrame): Completion {
  const winner = frame.decided === undefined ? undefined : frame.lanes[frame.decided];
  if (frame.decided === undefined || winner?.end === undefined) {
    releaseWrites(run, frame.lanes);
    return frame.lanes[frame.lastFailed ?? 0]?.end ?? { t: 'cancel' };
  }
  const applied = winner.end.t === 'error' ? [] : [winner];
  releaseWrites(
    run,
    frame.lanes.filter((state) => !applied.includes(state)),
  );
  applyWrites(run, lane, applied);
  if (winner.end.t !== 'normal') return winner.end;
  const name = frame.names[frame.decided] ?? null;
  save(run, lane, step, name);
  return { t: 'normal', output: name };
}

function parallelEnd(run: Run, lane: Lane, step: ParallelStep, frame: JoinFrame): Completion {
  const decided = frame.decided === undefined ? undefined : frame.lanes[frame.decided];
  if (decided?.end !== undefined) {
    // A failed lane's writes are discarded; a return, break or continue takes its own lane's along.
    const applied = decided.end.t === 'error' ? [] : [decided];
    releaseWrites(
      run,
      frame.lanes.filter((state) => !applied.includes(state)),
    );
    applyWrites(run, lane, applied);
    return decided.end;
  }
  const succeeded = frame.lanes.filter((state) => state.end?.t === 'normal');
  releaseWrites(
    run,
    frame.lanes.filter((state) => !succeeded.includes(state)),
  );
  applyWrites(run, lane, succeeded);
  const outcome = Object.fromEntries(frame.names.map((name, i) => [name, settled(frame.lanes[i]?.end)]));
  save(run, lane, step, outcome);
  return { t: 'normal' };
}

function settled(end: Completion | undefined): Json {
  return end?.t === 'error'
    ? { status: 'FAILED', error: end.error as Json }
    : { status: 'SUCCEEDED', error: null };
}
