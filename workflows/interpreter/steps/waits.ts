/**
 * event.wait and time.wait.
 *
 * Invariants
 * - A wait ends once: by its event, its deadline or its lane's cancellation; anything later finds no wait
 *   (stale-timers-do-nothing). Its row records which (losers-close-their-waits).
 * - The values that a wait compares with are evaluated once, when it opens.
 * - The frame holds everything, so a wait goes on unchanged in the next execution, deadline included.
 */
import { durationToMs, instantToMs, LONGEST_MS } from '../../../contracts/definition/index.js';
import { SluiceError } from '../../../contracts/errors.js';
import { eventScope } from '../../../contracts/events/event-scope.js';
import { fromEventSignal } from '../../../contracts/events/event-signal.js';
import { type EventFilter, type FilterOp, unmetNeed } from '../../../contracts/events/filters.js';
import { isWellFormed, jsonSize, type Json } from '../../../contracts/json.js';
import { LIMITS } from '../../../contracts/limits.js';
import { isoAt, now } from '../../runtime/clock.js';
import { errorCompletion } from '../state/failure.js';
import { shown } from '../state/shown.js';
import {
  looksBackTo,
  NORMAL,
  SINCE_THE_RUN_BEGAN,
  type Completion,
  type EventWaitFrame,
  type TimerFrame,
} from '../state/state.js';
import type { StepContext, StepOf } from '../run/step-context.js';
import { beginEvent, summaryOf } from '../run/step-events.js';
import { assignAll } from '../run/assign.js';

/** Why a wait was cancelled, as its row records it. */
const CANCELED = { reason: 'the branch or the run was cancelled' };

/** Opens a wait for an event; a matching event that arrived before is taken at once. */
export function beginEventWait(context: StepContext<StepOf<'event.wait'>>): undefined {
  const { run, lane, step, path } = context;
  const names = typeof step.eventName === 'string' ? [step.eventName] : step.eventName;
  const key = correlationKey(context, step.correlationKey);
  const filters = (step.filters ?? []).map((filter, index): EventFilter => {
    const value = filter.value === undefined ? undefined : filterValue(context, filter.value);
    if (value !== undefined) requireComparable(context, filter.op, value, index);
    return {
      path: filter.path,
      op: filter.op,
      ...(value !== undefined && { value: value }),
    };
  });
  const timeoutMs = timeoutOf(context);
  const compared = [key, filters as unknown as Json];
  run.fitting(compared, 'INPUT_TOO_LARGE', 'What the wait compares with', LIMITS.inlineBytes);
  const bytes = jsonSize(compared);
  run.carriedSize.hold(bytes);
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
  beginEvent(context);
  run.log.emit(
    'WAIT_OPENED',
    {
      kind: 'event',
      eventNames: [...names],
      correlationKey: key,
      filters: filters as unknown as Json,
      since: looksBackTo(frame, run.state.startedAt),
      ...(step.lookbackMs !== 0 && run.inbox.nearlyFull && { full: true }),
      ...(frame.deadline !== undefined && { deadline: frame.deadline }),
    },
    context.where(),
  );
  if (key !== null) run.correlate(key);
  lane.push(frame);
  run.inbox.openWait(frame, step.lookbackMs !== 0);
  return undefined;
}

/**
 * What a filter compares with. Before, undefined was null, and no event compared with it: the wait went on.
 * @throws SluiceError EXPRESSION_UNDEFINED, EXPRESSION_*
 */
function filterValue(context: StepContext, mapping: Json): Json {
  try {
    return context.mapping(mapping, true);
  } catch (error) {
    const undefinedBefore = error instanceof SluiceError && error.code === 'EXPRESSION_UNDEFINED';
    if (undefinedBefore && !context.run.wholeFilters.inForce()) return context.mapping(mapping);
    throw error;
  }
}

/**
 * Before, a wait also compared with what no event passes, and waited in vain.
 * @throws SluiceError FILTER_VALUE_INVALID
 */
function requireComparable({ run, path }: StepContext, op: FilterOp, value: Json, index: number): void {
  const need = unmetNeed(op, value);
  if (need === undefined || !run.comparableFilters.inForce()) return;
  // Not the value itself: it may be one that is never shown.
  const kind = value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value;
  throw new SluiceError('FILTER_VALUE_INVALID', `filters[${index}] of ${path}: ${op} needs ${need}`, {
    details: { filter: index, op, need, kind, ...(Array.isArray(value) && { items: value.length }) },
  });
}

/** Waits until the event has arrived, the deadline has passed, or the lane has to stop. */
export async function continueEventWait(
  context: StepContext,
  frame: EventWaitFrame,
): Promise<Completion | 'parked'> {
  context.narrow('event.wait');
  const { run, lane, step } = context;
  const where = context.where();
  const matches = () => frame.matched !== undefined;
  const ended = matches() ? 'ready' : await run.wait(lane, summaryOf(step), frame.deadline, matches);
  if (ended === 'parked') return 'parked';
  run.carriedSize.release(frame.bytes);
  run.resumed();
  // Also where its event has arrived in the same task: a branch that has lost a race takes no event.
  if (ended === 'interrupted' || lane.interrupted) {
    run.inbox.cancelWait(frame);
    run.log.emit('WAIT_CANCELED', CANCELED, where);
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
  run.setEvent(lane, eventScope(fromEventSignal(matched.event, isoAt(matched.at))));
  if (step.assign !== undefined) assignAll(context, step.assign);
  return NORMAL;
}

/** Begins a timer; one that is already due does not suspend the lane. */
export function beginTimer(context: StepContext<StepOf<'time.wait'>>): Completion | undefined {
  const { run, lane, step, path } = context;
  const at = now();
  const until = dueAt(context, at);
  if (until <= at) {
    if (step.assign !== undefined) assignAll(context, step.assign);
    return NORMAL;
  }
  beginEvent(context);
  run.log.emit('WAIT_OPENED', { kind: 'time', deadline: until }, context.where());
  lane.push({ k: 'timer', path, at, until });
  return undefined;
}

/** Waits until the timer is due or the lane has to stop. */
export async function continueTimer(context: StepContext, frame: TimerFrame): Promise<Completion | 'parked'> {
  context.narrow('time.wait');
  const { run, lane, step } = context;
  const where = context.where();
  const ended = await run.wait(lane, summaryOf(step), frame.until);
  if (ended === 'parked') return 'parked';
  run.resumed();
  if (ended === 'interrupted') {
    run.log.emit('WAIT_CANCELED', CANCELED, where);
    run.flusher.request();
    return { t: 'cancel' };
  }
  run.log.emit('WAIT_SATISFIED', {}, where);
  if (step.assign !== undefined) assignAll(context, step.assign);
  return NORMAL;
}

/**
 * When a timer is due, epoch ms.
 * @param at workflow time, epoch ms
 */
function dueAt(context: StepContext<StepOf<'time.wait'>>, at: number): number {
  const { step } = context;
  if (step.durationMs !== undefined) {
    const ms = context.mapping(step.durationMs, true);
    if (typeof ms === 'number' && Number.isFinite(ms) && ms <= LONGEST_MS) {
      return at + Math.max(0, Math.ceil(ms));
    }
    throw badTime('durationMs', ms);
  }
  if (step.duration !== undefined) {
    const text = context.mapping(step.duration, true);
    const ms = typeof text === 'string' ? durationToMs(text) : undefined;
    if (ms !== undefined) return at + ms;
    throw badTime('duration', text);
  }
  const text = context.mapping(step.until ?? null, true);
  const until = typeof text === 'string' ? instantToMs(text) : undefined;
  if (until !== undefined && until - at <= LONGEST_MS) return until;
  throw badTime('until', text);
}

function badTime(field: string, value: Json): SluiceError {
  return new SluiceError('DURATION_INVALID', `${field} gave ${shown(value)}`, { details: { field } });
}

/** The timeout of a wait, ms: a number, or an expression that gives one. */
function timeoutOf(context: StepContext<StepOf<'event.wait'>>): number | undefined {
  const { timeoutMs } = context.step;
  if (timeoutMs === undefined) return undefined;
  const ms = context.mapping(timeoutMs, true);
  if (typeof ms === 'number' && Number.isFinite(ms) && ms >= 0 && ms <= LONGEST_MS) return Math.ceil(ms);
  throw badTime('timeoutMs', ms);
}

/**
 * The correlation key of a step; null where its definition has none.
 * @throws SluiceError CORRELATION_KEY_INVALID, EXPRESSION_*
 */
export function correlationKey(context: StepContext, mapping: Json | undefined): string | null {
  if (mapping === undefined) return null;
  const value = context.key(mapping);
  if (typeof value === 'number') return String(value);
  const isKey =
    typeof value === 'string' &&
    value.trim() !== '' &&
    value.length <= LIMITS.correlationKeyCharacters &&
    isWellFormed(value);
  if (isKey) return value;
  throw new SluiceError(
    'CORRELATION_KEY_INVALID',
    `The correlation key of ${context.path} gave ${shown(value)}`,
  );
}
