/**
 * control.parallel and control.race.
 *
 * Invariants
 * - The step ends when every lane has ended, cancelled ones and their `finally` blocks included.
 * - The frame records which lane decided the step, so the decision is the same after a continue-as-new.
 * - The outcome depends on timing only in who fails first and who wins a race.
 */
import type { Json } from '../../../contracts/json.js';
import { now } from '../../runtime/clock.js';
import { isCatchable } from '../state/failure.js';
import type { StepContext, StepOf } from '../run/step-context.js';
import { NORMAL, type Completion, type JoinFrame, type LaneState } from '../state/state.js';
import { beginEvent, save } from '../run/step-events.js';
import { applyWrites, endLanes, laneBytes, newLane, releaseWrites, runInside, whileInside } from './lanes.js';

type JoinContext = StepContext<StepOf<'control.parallel' | 'control.race'>>;

/** Begins all branches. */
export function beginJoin(context: JoinContext): undefined {
  const { run, lane, step, path } = context;
  const names = Object.keys(step.branches);
  run.carriedSize.hold(names.length * laneBytes(path));
  beginEvent(context);
  const lanes = names.map((name) => newLane(`${path}.branches.${name}`));
  lane.push({ k: 'join', path, at: now(), names, lanes });
  return undefined;
}

/** Runs the branches that have not ended, then decides how the step ends. */
export async function continueJoin(context: StepContext, frame: JoinFrame): Promise<Completion | 'parked'> {
  context.narrow(['control.parallel', 'control.race'], `${frame.path} has no branches`);
  const { run, lane, step } = context;
  const open = frame.lanes.filter((state) => state.end === undefined);
  const ends = await whileInside(run, () =>
    Promise.all(
      open.map(async (state) => {
        const ended = await runInside(context, state, frame.decided !== undefined);
        if (ended === 'ended') noteEnd(context, frame, frame.lanes.indexOf(state));
        return ended;
      }),
    ),
  );
  if (ends.includes('parked')) return 'parked';
  run.carriedSize.release(frame.names.length * laneBytes(frame.path));
  if (lane.interrupted) {
    // Of a race, only the winner can have ended well.
    const losers = step.type === 'control.race' ? frame.lanes.filter((_, i) => i !== frame.decided) : [];
    releaseWrites(run, losers);
    endLanes(
      context,
      frame.lanes.filter((state) => !losers.includes(state)),
      undefined,
    );
    return { t: 'cancel' };
  }
  return step.type === 'control.race' ? raceEnd(context, frame) : parallelEnd(context, frame);
}

/** A lane has ended: if that decides the step, the other lanes are cancelled. */
function noteEnd({ lane, step }: JoinContext, frame: JoinFrame, index: number): void {
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

function raceEnd(context: StepContext, frame: JoinFrame): Completion {
  const winner = frame.decided === undefined ? undefined : frame.lanes[frame.decided];
  if (frame.decided === undefined || winner?.end === undefined) {
    releaseWrites(context.run, frame.lanes);
    return frame.lanes[frame.lastFailed ?? 0]?.end ?? { t: 'cancel' };
  }
  applyOnly(context, frame, winner.end.t === 'error' ? [] : [winner]);
  if (winner.end.t !== 'normal') return winner.end;
  const name = frame.names[frame.decided] ?? null;
  save(context, name);
  return { t: 'normal', output: name };
}

function parallelEnd(context: StepContext, frame: JoinFrame): Completion {
  const decided = frame.decided === undefined ? undefined : frame.lanes[frame.decided];
  if (decided?.end !== undefined) {
    // A failed lane's writes are discarded; a return, break or continue keeps the writes of its lane.
    endLanes(context, frame.lanes, decided.end.t === 'error' ? undefined : decided);
    return decided.end;
  }
  applyOnly(
    context,
    frame,
    frame.lanes.filter((state) => state.end?.t === 'normal'),
  );
  const outcome = Object.fromEntries(frame.names.map((name, i) => [name, settled(frame.lanes[i]?.end)]));
  save(context, outcome);
  return NORMAL;
}

/** Applies the writes of these lanes and discards those of the others. */
function applyOnly(context: StepContext, frame: JoinFrame, applied: readonly LaneState[]): void {
  releaseWrites(
    context.run,
    frame.lanes.filter((state) => !applied.includes(state)),
  );
  applyWrites(context, applied);
}

function settled(end: Completion | undefined): Json {
  return end?.t === 'error'
    ? { status: 'FAILED', error: end.error as Json }
    : { status: 'SUCCEEDED', error: null };
}
