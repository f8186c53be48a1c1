/**
 * The answer to the signal `resync`: the present state of the run in one event.
 *
 * After a reset, the rows of a run may describe a future that did not happen. The run notices the reset when
 * its code runs next (run/resets.ts), but a run that waits may not run for months. So the reconciler, which
 * sees both, sends the signal: any event that the run commits from then on supersedes that future, and
 * SNAPSHOT also lists what is open, for rows whose log is gone.
 *
 * Invariants
 * - The snapshot is emitted once the workflow task has nothing else to do, even if several signals ask for
 *   it.
 * - A run that has ended emits nothing: its last event stays the last.
 * - The snapshot is small enough for any carrier: what does not fit is left to the log.
 */
import { jsonSize } from '../../../contracts/json.js';
import { LIMITS } from '../../../contracts/limits.js';
import {
  ResyncRequest,
  type OpenStep,
  type OpenWait,
  type SnapshotData,
} from '../../../contracts/run/picture.js';
import { TERMINAL_RUN_STATUSES } from '../../../contracts/run/run.js';
import type { Lane } from '../lane/lane.js';
import type { Run } from '../run/run.js';
import { looksBackTo, type Frame } from '../state/state.js';

/** Kinds of frames whose step has a row. */
const STEP_FRAMES = new Set<string>([
  'scope',
  'forEach',
  'fanOut',
  'while',
  'try',
  'join',
  'action',
  'child',
  'eventWait',
  'timer',
  'publish',
  'humanTask',
]);

export class Snapshots {
  private requested: Partial<ResyncRequest> | undefined;

  constructor(private readonly run: Run) {}

  /** Takes the payload of a `resync` signal; any payload requests a snapshot. */
  request(payload: unknown): void {
    const parsed = ResyncRequest.safeParse(payload);
    this.requested = parsed.success ? parsed.data : {};
    this.run.flusher.request();
  }

  /** Emits the snapshot, if one was requested. */
  emit(): void {
    if (this.requested === undefined) return;
    const { reason } = this.requested;
    this.requested = undefined;
    if (TERMINAL_RUN_STATUSES.includes(this.run.state.status)) return;
    this.run.log.emit('SNAPSHOT', { ...pictureOf(this.run), ...(reason !== undefined && { reason }) });
  }
}

function pictureOf(run: Run): SnapshotData {
  const openSteps: OpenStep[] = [];
  const openWaits: OpenWait[] = [];
  let room: number = LIMITS.inlineBytes / 2;
  const add = <T extends OpenStep | OpenWait>(list: T[], entry: T | undefined): void => {
    if (entry === undefined) return;
    room -= jsonSize(entry);
    if (room >= 0) list.push(entry);
  };
  visit(run.root, (frame, iteration) => {
    add(openWaits, waitOf(run, frame, iteration));
    add(openSteps, stepOf(run, frame, iteration));
  });
  return {
    status: run.state.status,
    state: run.state.stateName,
    openSteps,
    openWaits,
    ...(room < 0 && { partial: true }),
  };
}

/** Calls back for each frame of each open lane, with the indexes of the loops around its step. */
function visit(lane: Lane, onFrame: (frame: Frame, iteration: readonly number[]) => void): void {
  const iteration = [...(lane.parent?.surroundings.iteration ?? [])];
  if (lane.state.item !== undefined) iteration.push(lane.state.item);
  for (const frame of lane.state.frames) {
    onFrame(frame, [...iteration]);
    if (frame.k === 'forEach') iteration.push(frame.index);
    else if (frame.k === 'while') iteration.push(frame.n - 1);
  }
  for (const child of lane.children) visit(child, onFrame);
}

function stepOf(run: Run, frame: Frame, iteration: readonly number[]): OpenStep | undefined {
  if (frame.k === 'block' || !STEP_FRAMES.has(frame.k)) return undefined;
  // Between two attempts no row is open: the first has closed, the next has not begun.
  if ('retryAt' in frame && frame.retryAt !== undefined) return undefined;
  const step = run.stepAt(frame.path);
  return {
    path: frame.path,
    iteration: [...iteration],
    attempt: 'attempt' in frame ? frame.attempt : 1,
    id: step.id,
    kind: step.type,
    ...('action' in step && { action: step.action }),
    startedAt: 'attemptAt' in frame ? frame.attemptAt : frame.at,
  };
}

function waitOf(run: Run, frame: Frame, iteration: readonly number[]): OpenWait | undefined {
  const base = { iteration: [...iteration], attempt: 1 };
  if (frame.k === 'timer') {
    return { ...base, path: frame.path, kind: 'time', deadline: frame.until, openedAt: frame.at };
  }
  if (frame.k === 'humanTask' && frame.request === undefined) {
    return { ...base, path: frame.path, kind: 'human', openedAt: frame.at };
  }
  if (frame.k !== 'eventWait') return undefined;
  return {
    ...base,
    path: frame.path,
    kind: 'event',
    eventNames: [...frame.names],
    correlationKey: frame.key,
    since: looksBackTo(frame, run.state.startedAt),
    openedAt: frame.at,
    ...(frame.deadline !== undefined && { deadline: frame.deadline }),
  };
}
