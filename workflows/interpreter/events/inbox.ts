/**
 * Events inside a run: which wait gets which event.
 *
 * Invariants
 * - The inbox looks at an event (source + id) once in the life of the run, continue-as-new included: a
 *   duplicate never satisfies a later wait. Ids are remembered up to a bound; the oldest are forgotten first.
 *   Before a recorded event is sent again, its sender looks for such an old one in the run's log
 *   (projections/reads/events/run-answers.ts).
 * - One event satisfies at most one wait: among those that match, the one that was opened first.
 * - An event that no wait takes stays for later waits, in a bounded buffer. What does not fit is returned to
 *   its audit row, the newest first, and its id is forgotten: the look-back of a later wait sends it again.
 *   While events are left there, newer ones that no wait takes go there too, so that none overtakes them. An
 *   event without an audit row becomes a dead letter, the oldest first.
 * - An event that the buffer cannot hold stays in its audit row until a wait takes it. The bridge sends it
 *   without its payload; the look-back that follows sends it whole, if it fits a wait that is open. One that
 *   has no audit row is given to a wait that is open, and otherwise becomes a dead letter. So does one over
 *   the limit of any event, whose payload stays in Temporal's history alone.
 * - Events that arrive in one workflow task are given out one after the other, as if each had arrived in a
 *   separate task: the next one when the lane that got the previous one has gone on as far as it can. Waits
 *   that this lane ends (by winning a race) take nothing more.
 * - All of this is in the run's state (open waits in their frames): which wait gets an event does not depend
 *   on whether the run continues as new in between, nor on the order in which its lanes resume.
 */
import { condition, workflowInfo } from '@temporalio/workflow';
import { passesFilter } from '../../../contracts/events/filters.js';
import { isDeeperThan, jsonSize, type Json } from '../../../contracts/json.js';
import { LIMITS } from '../../../contracts/limits.js';
import { EventSignal, SIGNALS } from '../../../contracts/run/messages.js';
import { now, parseInstant } from '../../runtime/clock.js';
import type { Doors } from '../state/doors.js';
import { Gate } from '../state/gate.js';
import { shortHash } from '../state/hash.js';
import {
  looksBackTo,
  openFrames,
  SINCE_THE_RUN_BEGAN,
  type BufferedEvent,
  type EventWaitFrame,
  type RunState,
} from '../state/state.js';
import type { EventLog } from './event-log.js';

/** Characters of the hash by which an event is remembered: 80 bits. 5,000 whole ids could take 10 MB. */
const ID_CHARACTERS = 20;
/** Characters of the reason in SIGNAL_REJECTED. */
const REASON_CHARACTERS = 1_000;

/** Bytes of an event, without what the sender says about where it comes from. */
function sizeOf({ recorded: _recorded, left: _left, ...event }: EventSignal): number {
  return jsonSize(event);
}

/** The short form of an event's identity by which a run remembers it. */
function idOf({ source, eventId }: EventSignal): string {
  return shortHash(JSON.stringify([source, eventId])).slice(0, ID_CHARACTERS);
}

export class Inbox {
  /** Open waits, in the order of opening. */
  private readonly open: EventWaitFrame[];
  private readonly seen: Set<string>;
  /** Events that were received and not given out yet: only within a workflow task. */
  private readonly arrived: BufferedEvent[] = [];
  private bytes: number;
  /** Before it, a full buffer dropped the oldest event, whose id stayed remembered: it was lost. */
  private readonly returns = new Gate('sluice-returned-events');
  /** Before it, an event over the limit of the buffer was dropped for good, audit row or not. */
  private readonly large = new Gate('sluice-large-events');
  /** Before it, such an event that has no audit row was dropped for good. */
  private readonly letters = new Gate('sluice-large-letters');

  constructor(
    private readonly state: RunState,
    private readonly log: EventLog,
    private readonly doors: Doors,
  ) {
    // Waits of the execution before are open from the first moment, in their old order.
    this.open = openFrames(state.root)
      .filter((frame) => frame.k === 'eventWait')
      .sort((a, b) => a.order - b.order);
    this.seen = new Set(state.seen);
    this.bytes = state.buffer.reduce((sum, entry) => sum + entry.bytes, 0);
  }

  /** Bytes that the buffer holds. */
  get heldBytes(): number {
    return this.bytes;
  }

  /** Whether the buffer has little room; a look-back should send no more than the next wait takes. */
  get nearlyFull(): boolean {
    const half =
      this.state.buffer.length > LIMITS.bufferedEvents / 2 || this.bytes > LIMITS.bufferedBytes / 2;
    return half && this.returns.inForce();
  }

  /**
   * Returns buffered events to their audit rows, the newest first.
   * @param bytes how many bytes of the state have to become free
   * @returns whether any were returned
   */
  shed(bytes: number): boolean {
    const some = this.state.buffer.some(({ event }) => event.recorded === true);
    if (!some || !this.returns.inForce()) return false;
    const most = this.bytes - bytes;
    while (this.bytes > most && this.giveBack()) continue;
    return true;
  }

  /**
   * Takes the payload of an `event` signal. It never throws: a payload that it cannot understand becomes an
   * event of the log (SIGNAL_REJECTED).
   * @param more further arguments of the signal: it takes one
   */
  receive(payload: unknown, more: readonly unknown[] = []): void {
    const unclaimed = this.doors.unclaimed(payload, SIGNALS.event);
    if (unclaimed !== undefined) {
      this.reject(unclaimed);
      return;
    }
    if (more.length > 0 && this.doors.refusesMore()) {
      this.reject('a signal takes one argument, and this one has more');
      return;
    }
    if (isDeeperThan(payload, LIMITS.depth)) {
      this.reject(`payload: nested more than ${LIMITS.depth} levels deep`);
      return;
    }
    const refusal = this.doors.refusal(payload, 'payload');
    if (refusal !== undefined) {
      this.reject(refusal);
      return;
    }
    const parsed = EventSignal.safeParse(payload);
    if (!parsed.success) {
      const reasons = parsed.error.issues.map(
        (issue) => `${issue.path.join('.') || 'payload'}: ${issue.message}`,
      );
      this.reject(reasons.join('; '));
      return;
    }
    // The log keeps who sent it; the buffer, which a next execution gets, needs not.
    const { runId, actor, ...event } = parsed.data;
    const about = { eventId: event.eventId, source: event.source, eventName: event.eventName };
    const id = idOf(event);
    // Most look-backs leave nothing: they ask no gate.
    const { left } = event;
    if (left !== undefined && left !== (this.state.overflow ?? false) && this.returns.inForce()) {
      this.state.overflow = left;
    }
    // The sender meant a run that has ended; this run uses the same workflow id.
    if (runId !== undefined && runId !== workflowInfo().firstExecutionRunId) {
      this.log.emit('EVENT_DROPPED', { ...about, reason: 'other_run' });
      return;
    }
    if (this.seen.has(id)) {
      this.log.emit('EVENT_DROPPED', { ...about, reason: 'duplicate', ...this.lookAgain(event) });
      return;
    }
    this.remember(id);
    const at = event.receivedAt === undefined ? now() : parseInstant(event.receivedAt);
    const entry: BufferedEvent = { event, at, bytes: sizeOf(event) };
    this.log.emit('EVENT_RECEIVED', {
      ...about,
      correlationKey: event.correlationKey,
      ...(actor !== undefined && { actor }),
    });
    const large = event.omitted === true || entry.bytes > LIMITS.bufferedBytes;
    if (large && !(event.recorded === true ? this.large : this.letters).inForce()) {
      this.drop(entry, 'too_large', this.lookAgain(event));
      return;
    }
    if (event.recorded !== true && (event.omitted === true || entry.bytes > LIMITS.eventBytes)) {
      this.toLetter(entry, 'too_large');
      return;
    }
    if (event.omitted === true) {
      this.returnLarge(entry, { again: true });
      return;
    }
    this.arrived.push(entry);
    if (this.settled) this.giveNext();
  }

  /** Gives out events that arrived together, one at a time, until the workflow ends; start it once. */
  async work(): Promise<never> {
    for (;;) {
      // Temporal evaluates the condition when no lane has anything to do.
      await condition(() => this.arrived.length > 0 && this.settled);
      this.giveNext();
    }
  }

  /**
   * Gives out everything before the run continues as new: an event in no frame and no buffer would be lost.
   */
  giveAll(): void {
    while (this.arrived.length > 0) this.giveNext();
  }

  /**
   * Returns large events that waits hold, before the run continues as new with too much state. Every lane is
   * parked, so none is about to take one. The next execution gets them again.
   */
  returnHeld(): void {
    for (const frame of this.open) {
      const { matched } = frame;
      if (matched === undefined || matched.bytes <= LIMITS.bufferedBytes) continue;
      delete frame.matched;
      if (matched.event.recorded === true) this.returnLarge(matched, { again: true });
      else this.toLetter(matched, 'too_large');
    }
  }

  /** Whether a wait has an event that its lane has not taken yet. */
  get hasTaker(): boolean {
    return this.open.some((frame) => frame.matched !== undefined);
  }

  private get settled(): boolean {
    return !this.hasTaker;
  }

  private giveNext(): void {
    const entry = this.arrived.shift();
    if (entry === undefined) return;
    // The wait is open already, so tolerate clock skew: a slow sender clock must not make this event look
    // older than the wait.
    const wait = this.open.find(
      (frame) => frame.matched === undefined && this.matches(frame, entry, LIMITS.clockSkewMs),
    );
    if (wait) wait.matched = entry;
    else this.keep(entry);
  }

  /**
   * Opens a wait. If a matching event arrived before it, the wait takes the oldest at once.
   * @param lookBack false: the wait takes only events that are yet to arrive
   */
  openWait(frame: EventWaitFrame, lookBack: boolean): void {
    this.open.push(frame);
    const index = lookBack ? this.state.buffer.findIndex((entry) => this.matches(frame, entry)) : -1;
    if (index < 0) return;
    const [entry] = this.state.buffer.splice(index, 1) as [BufferedEvent];
    this.bytes -= entry.bytes;
    frame.matched = entry;
  }

  /** Closes a wait that has ended. */
  closeWait(frame: EventWaitFrame): void {
    this.open.splice(this.open.indexOf(frame), 1);
  }

  /** Closes a wait whose lane was cancelled: an event that it already held is kept for other waits. */
  cancelWait(frame: EventWaitFrame): void {
    this.closeWait(frame);
    if (frame.matched) this.keep(frame.matched);
  }

  /** Puts an event into the buffer, in the order of receipt. */
  private keep(entry: BufferedEvent): void {
    const { buffer } = this.state;
    // An older event is in its audit row: this one must not be taken before it.
    if (this.state.overflow === true && entry.event.recorded === true && entry.event.left === undefined) {
      this.returnEvent(entry);
      return;
    }
    if (entry.bytes > LIMITS.bufferedBytes) {
      if (entry.event.recorded === true) this.returnLarge(entry);
      else this.toLetter(entry, 'too_large');
      return;
    }
    const position = buffer.findLastIndex((other) => other.at <= entry.at) + 1;
    buffer.splice(position, 0, entry);
    this.bytes += entry.bytes;
    while (buffer.length > LIMITS.bufferedEvents || this.bytes > LIMITS.bufferedBytes) {
      if (this.returns.inForce() && this.giveBack()) continue;
      const oldest = buffer.shift() as BufferedEvent;
      this.bytes -= oldest.bytes;
      if (this.returns.inForce()) {
        this.toLetter(oldest, 'buffer_full');
      } else {
        this.drop(oldest, 'buffer_full');
      }
    }
  }

  /** Returns the newest buffered event that has an audit row; false: none has. */
  private giveBack(): boolean {
    const { buffer } = this.state;
    const newest = buffer.findLastIndex(({ event }) => event.recorded === true);
    const [entry] = newest < 0 ? [] : buffer.splice(newest, 1);
    if (entry === undefined) return false;
    this.bytes -= entry.bytes;
    this.returnEvent(entry);
    return true;
  }

  private returnEvent(entry: BufferedEvent): void {
    this.state.overflow = true;
    this.forget(idOf(entry.event));
    this.drop(entry, 'buffer_full', { returned: true });
  }

  /**
   * Leaves an event to its audit row.
   * @param fate again: a wait that is open may take it, so the look-back is due now
   */
  private returnLarge(entry: BufferedEvent, fate: { readonly again?: true } = {}): void {
    this.forget(idOf(entry.event));
    this.drop(entry, 'too_large', { returned: true, ...fate });
  }

  /**
   * Makes an event without an audit row a dead letter, whose retry sends it again. One that no retry can
   * bring in is in the letter without its payload.
   */
  private toLetter(entry: BufferedEvent, reason: 'buffer_full' | 'too_large'): void {
    const { event, bytes } = entry;
    this.forget(idOf(event));
    const kept = bytes <= LIMITS.eventBytes ? event : { ...event, payload: null, omitted: true };
    this.drop(entry, reason, { event: kept as Json });
  }

  private reject(reason: string): void {
    this.log.emit('SIGNAL_REJECTED', { signal: 'event', reason: reason.slice(0, REASON_CHARACTERS) });
  }

  private drop(
    { event }: BufferedEvent,
    reason: 'buffer_full' | 'too_large',
    fate: { readonly returned?: true; readonly event?: Json; readonly again?: true } = {},
  ): void {
    this.log.emit('EVENT_DROPPED', {
      eventId: event.eventId,
      source: event.source,
      eventName: event.eventName,
      reason,
      ...fate,
    });
  }

  private remember(id: string): void {
    this.seen.add(id);
    this.state.seen.push(id);
    if (
      this.state.seen.length > (this.state.prepared.limits?.rememberedEventIds ?? LIMITS.rememberedEventIds)
    ) {
      this.seen.delete(this.state.seen.shift() as string);
    }
  }

  /** A look-back that left events may have counted on this one for a wait, which would now wait in vain. */
  private lookAgain({ left }: EventSignal): { readonly again?: true } {
    return left === true && this.returns.inForce() ? { again: true } : {};
  }

  private forget(id: string): void {
    this.seen.delete(id);
    const index = this.state.seen.lastIndexOf(id);
    if (index >= 0) this.state.seen.splice(index, 1);
  }

  /** @param skewMs how much earlier than the wait's look-back an event may appear to have been received */
  private matches(frame: EventWaitFrame, { event, at }: BufferedEvent, skewMs = 0): boolean {
    // Events sent to this run rarely predate it; the exceptions are clock skew and events another wait's
    // look-back fetched.
    const skew = frame.since === SINCE_THE_RUN_BEGAN ? LIMITS.clockSkewMs : skewMs;
    return (
      frame.names.includes(event.eventName) &&
      (frame.key === null || frame.key === event.correlationKey) &&
      at >= looksBackTo(frame, this.state.startedAt) - skew &&
      frame.filters.every((filter) => passesFilter(filter, event.payload))
    );
  }
}
