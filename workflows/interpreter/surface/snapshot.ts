/**
 * The answer to the signal `resync`: the run's picture as it is now, in one event.
 *
 * A workflow does not notice that it was reset. Its rows may then tell a future that did not happen, and it would
 * write nothing until it moves on, which may take months. So the reconciler, who sees both, asks it to speak: any
 * event that it commits from here on supersedes that future, and SNAPSHOT also says what is open, for rows whose
 * log is gone.
 *
 * Invariants
 * - It is told when the workflow task has nothing else to do, however often it was asked for in that task.
 * - A run that has ended says nothing: its last event is its last.
 * - It is small enough for any carrier: what does not fit is left to the log.
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

/** Frames that stand for a step with a row of its own. */
const OF_STEPS = new Set<string>([
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
]);

export class Snapshots {
  private asked: Partial<ResyncRequest> | undefined;

  constructor(private readonly run: Run) {}

  /** Takes the payload of a `resync` signal; whatever it is, it asks. */
  request(payload: unknown): void {
    const parsed = ResyncRequest.safeParse(payload);
    this.asked = parsed.success ? parsed.data : {};
    this.run.flusher.request();
  }

  /** Authors the snapshot that was asked for, if one was. */
  tell(): void {
    if (this.asked === undefined) return;
    const { reason } = this.asked;
    this.asked = undefined;
    if (TERMINAL_RUN_STATUSES.includes(this.run.state.status)) return;
    this.run.log.emit('SNAPSHOT', { ...pictureOf(this.run), ...(reason !== undefined && { reason }) });
  }
}

function pictureOf(run: Run): SnapshotData {
  const openSteps: OpenStep[] = [];
  const openWaits: OpenWait[] = [];
  let room: number = LIMITS.inlineBytes / 2;
  const add = <T extends OpenStep | OpenWait>(list: T[], told: T | undefined): void => {
    if (told === undefined) return;
    room -= jsonSize(told);
    if (room >= 0) list.push(told);
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

/** Calls back for each frame of each lane that works, with the indexes of the loops around its step. */
function visit(lane: Lane, tell: (frame: Frame, iteration: readonly number[]) => void): void {
  const iteration = [...(lane.parent?.surroundings.iteration ?? [])];
  if (lane.state.item !== undefined) iteration.push(lane.state.item);
  for (const frame of lane.state.frames) {
    tell(frame, [...iteration]);
    if (frame.k === 'forEach') iteration.push(frame.index);
    else if (frame.k === 'while') iteration.push(frame.n - 1);
  }
  for (const child of lane.children) visit(child, tell);
}

function stepOf(run: Run, frame: Frame, iteration: readonly number[]): OpenStep | undefined {
  if (frame.k === 'block' || !OF_STEPS.has(frame.k)) return undefined;
  // Between two attempts no row is open: the one has closed, the next has not begun.
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
