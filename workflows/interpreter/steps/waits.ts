/**
 * event.wait and time.wait.
 *
 * Invariants
 * - A wait ends once: by its event, its deadline or its lane's cancellation; whatever comes later finds no
 *   wait (trap 5). Its row says which (trap 6).
 * - What a wait compares with is evaluated once, when it opens.
 * - The frame holds all of it, so a wait goes on in the next execution as it was, deadline included.
 */
import {
  durationToMs,
  instantToMs,
  type EventWaitStep,
  type TimeWaitStep,
} from '../../../contracts/definition/index.js';
import { SluiceError } from '../../../contracts/errors.js';
import type { EventFilter } from '../../../contracts/events/filters.js';
import { isWellFormed, jsonSize, type Json } from '../../../contracts/json.js';
import { LIMITS } from '../../../contracts/limits.js';
import { isoAt, now } from '../../runtime/clock.js';
import { errorCompletion } from '../state/failure.js';
import type { Lane } from '../lane/lane.js';
import type { Run } from '../run/run.js';
import {
  looksBackTo,
  SINCE_THE_RUN_BEGAN,
  type BufferedEvent,
  type Completion,
  type EventWaitFrame,
  type TimerFrame,
} from '../state/state.js';
import { beginEvent, summaryOf } from '../run/step-events.js';
import { assignAll } from './assign.js';

const NORMAL: Completion = { t: 'normal' };
/** The longest timer Temporal is asked for, ms: 100 years. */
const LONGEST_MS = 3_155_760_000_000;

/** Opens a wait for an event; one that came before is taken at once. */
export function beginEventWait(run: Run, lane: Lane, step: EventWaitStep, path: string): undefined {
  const names = typeof step.eventName === 'string' ? [step.eventName] : step.eventName;
  const key =
    step.correlationKey === undefined
      ? null
      : correlationKey(run.evaluator.mapping(lane, step.correlationKey, path, true), path);
  const filters = (step.filters ?? []).map((filter): EventFilter => {
    const value = filter.value === undefined ? undefined : run.evaluator.mapping(lane, filter.value, path);
    return {
      path: filter.path,
      op: filter.op,
      ...(value !== undefined && { value: value }),
    };
  });
  const timeoutMs = milliseconds(run, lane, step.timeoutMs, path);
  const compared = [key, filters as unknown as Json];
  run.fitting(compared, 'INPUT_TOO_LARGE', 'What the wait compares with', LIMITS.inlineBytes);
  const bytes = jsonSize(compared);
  run.carry.hold(bytes);
  const at = now();
  const since = step.lookbackMs === undefined ? SINCE_THE_RUN_BEGAN : at - step.lookbackMs;
  const frame: EventWaitFrame = {
    k: 'eventWait',
    path,
    at,
    order: run.state.waitOrder++,
    names,
    key,
    filters,
    bytes,
    since,
    ...(timeoutMs !== undefined && { deadline: at + timeoutMs }),
  };
  beginEvent(run, lane, step, path);
  run.log.emit(
    'WAIT_OPENED',
    {
      kind: 'event',
      eventNames: [...names],
      correlationKey: key,
      filters: filters as unknown as Json,
      since: looksBackTo(frame, run.state.startedAt),
      ...(frame.deadline !== undefined && { deadline: frame.deadline }),
    },
    run.where(lane, path),
  );
  if (key !== null) run.correlate(key);
  lane.push(frame);
  run.inbox.openWait(frame, step.lookbackMs !== 0);
  return undefined;
}

/** Waits until the event has come, the deadline has passed, or the lane has to stop. */
export async function continueEventWait(
  run: Run,
  lane: Lane,
  frame: EventWaitFrame,
): Promise<Completion | 'parked'> {
  const step = run.stepAt(frame.path);
  if (step.type !== 'event.wait') throw new SluiceError('STATE_CORRUPT', `${frame.path} is no event.wait`);
  const where = run.where(lane, frame.path);
  const matches = () => frame.matched !== undefined;
  const ended = matches() ? 'ready' : await run.wait(lane, summaryOf(step), frame.deadline, matches);
  if (ended === 'parked') return 'parked';
  run.carry.release(frame.bytes);
  run.resumed();
  // Also where its event has come at the same time: a branch that has lost takes none.
  if (ended === 'interrupted' || lane.interrupted) {
    run.inbox.cancelWait(frame);
    run.log.emit('WAIT_CANCELED', { reason: 'the branch or the run was cancelled' }, where);
    run.flusher.request();
    return { t: 'cancel' };
  }
  run.inbox.closeWait(frame);
  const { matched } = frame;
  if (matched === undefined) {
    run.log.emit('WAIT_TIMED_OUT', {}, where);
    const waited = frame.deadline === undefined ? 0 : frame.deadline - frame.at;
    return errorCompletion(
      new SluiceError(
        'WAIT_TIMEOUT',
        `No ${frame.names.join(' or ')}${frame.key === null ? '' : ` for ${frame.key}`} came within ${waited} ms`,
        {
          details: { eventNames: [...frame.names], correlationKey: frame.key, timeoutMs: waited },
        },
      ),
      frame.path,
    );
  }
  const { eventId, source, eventName } = matched.event;
  run.log.emit('WAIT_SATISFIED', { eventId, source, eventName }, where);
  run.setEvent(lane, asScope(matched));
  if (step.assign !== undefined) assignAll(run, lane, step.assign, frame.path);
  return NORMAL;
}

/** A matched event as the scope `event` shows it. */
function asScope({ event, at }: BufferedEvent): Json {
  return {
    id: event.eventId,
    source: event.source,
    name: event.eventName,
    correlationKey: event.correlationKey,
    payload: event.payload,
    receivedAt: isoAt(at),
  };
}

/** Begins a timer; one that is due already does not suspend. */
export function beginTimer(run: Run, lane: Lane, step: TimeWaitStep, path: string): Completion | undefined {
  const at = now();
  const until = dueAt(run, lane, step, path, at);
  if (until <= at) {
    if (step.assign !== undefined) assignAll(run, lane, step.assign, path);
    return NORMAL;
  }
  beginEvent(run, lane, step, path);
  run.log.emit('WAIT_OPENED', { kind: 'time', deadline: until }, run.where(lane, path));
  lane.push({ k: 'timer', path, at, until });
  return undefined;
}

/** Waits until the timer is due or the lane has to stop. */
export async function continueTimer(run: Run, lane: Lane, frame: TimerFrame): Promise<Completion | 'parked'> {
  const step = run.stepAt(frame.path);
  if (step.type !== 'time.wait') throw new SluiceError('STATE_CORRUPT', `${frame.path} is no time.wait`);
  const where = run.where(lane, frame.path);
  const ended = await run.wait(lane, summaryOf(step), frame.until);
  if (ended === 'parked') return 'parked';
  run.resumed();
  if (ended === 'interrupted') {
    run.log.emit('WAIT_CANCELED', { reason: 'the branch or the run was cancelled' }, where);
    run.flusher.request();
    return { t: 'cancel' };
  }
  run.log.emit('WAIT_SATISFIED', {}, where);
  if (step.assign !== undefined) assignAll(run, lane, step.assign, frame.path);
  return NORMAL;
}

function dueAt(run: Run, lane: Lane, step: TimeWaitStep, path: string, at: number): number {
  if (step.durationMs !== undefined) {
    const ms = run.evaluator.mapping(lane, step.durationMs, path, true);
    if (typeof ms === 'number' && Number.isFinite(ms) && ms <= LONGEST_MS) {
      return at + Math.max(0, Math.ceil(ms));
    }
    throw badTime('durationMs', ms);
  }
  if (step.duration !== undefined) {
    const text = run.evaluator.mapping(lane, step.duration, path, true);
    const ms = typeof text === 'string' ? durationToMs(text) : undefined;
    if (ms !== undefined) return at + ms;
    throw badTime('duration', text);
  }
  const text = run.evaluator.mapping(lane, step.until ?? null, path, true);
  const until = typeof text === 'string' ? instantToMs(text) : undefined;
  if (until !== undefined && until - at <= LONGEST_MS) return until;
  throw badTime('until', text);
}

function badTime(field: string, value: Json): SluiceError {
  return new SluiceError('DURATION_INVALID', `${field} gave ${JSON.stringify(value).slice(0, 100)}`, {
    details: { field },
  });
}

/** A timeout of a wait: a number, or an expression that gives one. */
function milliseconds(
  run: Run,
  lane: Lane,
  given: EventWaitStep['timeoutMs'],
  path: string,
): number | undefined {
  if (given === undefined) return undefined;
  const ms = run.evaluator.mapping(lane, given, path, true);
  if (typeof ms === 'number' && Number.isFinite(ms) && ms >= 0 && ms <= LONGEST_MS) return Math.ceil(ms);
  throw badTime('timeoutMs', ms);
}

/**
 * A key as the author's mapping gave it.
 * @throws SluiceError CORRELATION_KEY_INVALID
 */
export function correlationKey(value: Json, path: string): string {
  if (typeof value === 'number') return String(value);
  const isKey =
    typeof value === 'string' &&
    value.trim() !== '' &&
    value.length <= LIMITS.correlationKeyCharacters &&
    isWellFormed(value);
  if (isKey) return value;
  throw new SluiceError(
    'CORRELATION_KEY_INVALID',
    `The correlation key of ${path} gave ${JSON.stringify(value).slice(0, 100)}`,
  );
}
