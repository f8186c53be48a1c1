/**
 * Events inside a run: which wait gets which event.
 *
 * Invariants
 * - The inbox looks at an event (source + id) once in the life of the run, continue-as-new included: a
 *   duplicate never satisfies a later wait. Ids are remembered up to a bound; the oldest are forgotten first.
 * - One event satisfies at most one wait: among those that match, the one that was opened first.
 * - An event that no wait takes stays for later waits, in a bounded buffer; dropped events are logged.
 * - Events that arrive in one workflow task are given out one after the other, as if each had arrived in a
 *   separate task: the next one when the lane that got the previous one has gone on as far as it can. Waits
 *   that this lane ends (by winning a race) take nothing more.
 * - All of this is in the run's state (open waits in their frames): which wait gets an event does not depend
 *   on whether the run continues as new in between, nor on the order in which its lanes resume.
 */
import { condition, workflowInfo } from '@temporalio/workflow';
import { passesFilter } from '../../../contracts/events/filters.js';
import { isDeeperThan, jsonSize } from '../../../contracts/json.js';
import { LIMITS } from '../../../contracts/limits.js';
import { EventSignal } from '../../../contracts/run/messages.js';
import { now, parseInstant } from '../../runtime/clock.js';
import type { Doors } from '../state/doors.js';
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

export class Inbox {
  /** Open waits, in the order of opening. */
  private readonly open: EventWaitFrame[];
  private readonly seen: Set<string>;
  /** Events that were received and not given out yet: only within a workflow task. */
  private readonly arrived: BufferedEvent[] = [];
  private bytes: number;

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

  /**
   * Takes the payload of an `event` signal. It never throws: a payload that it cannot understand becomes an
   * event of the log (SIGNAL_REJECTED).
   */
  receive(payload: unknown): void {
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
    const { runId, ...event } = parsed.data;
    const about = { eventId: event.eventId, source: event.source, eventName: event.eventName };
    const id = shortHash(JSON.stringify([event.source, event.eventId])).slice(0, ID_CHARACTERS);
    // The sender meant a run that has ended; this run uses the same workflow id.
    if (runId !== undefined && runId !== workflowInfo().firstExecutionRunId) {
      this.log.emit('EVENT_DROPPED', { ...about, reason: 'other_run' });
      return;
    }
    if (this.seen.has(id)) {
      this.log.emit('EVENT_DROPPED', { ...about, reason: 'duplicate' });
      return;
    }
    this.remember(id);
    const at = event.receivedAt === undefined ? now() : parseInstant(event.receivedAt);
    const entry: BufferedEvent = { event, at, bytes: jsonSize(event) };
    this.log.emit('EVENT_RECEIVED', { ...about, correlationKey: event.correlationKey });
    if (entry.bytes > LIMITS.bufferedBytes || event.omitted === true) {
      this.drop(entry, 'too_large');
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
    const position = buffer.findLastIndex((other) => other.at <= entry.at) + 1;
    buffer.splice(position, 0, entry);
    this.bytes += entry.bytes;
    while (buffer.length > LIMITS.bufferedEvents || this.bytes > LIMITS.bufferedBytes) {
      const oldest = buffer.shift() as BufferedEvent;
      this.bytes -= oldest.bytes;
      this.drop(oldest, 'buffer_full');
    }
  }

  private reject(reason: string): void {
    this.log.emit('SIGNAL_REJECTED', { signal: 'event', reason: reason.slice(0, REASON_CHARACTERS) });
  }

  private drop({ event }: BufferedEvent, reason: 'buffer_full' | 'too_large'): void {
    this.log.emit('EVENT_DROPPED', {
      eventId: event.eventId,
      source: event.source,
      eventName: event.eventName,
      reason,
    });
  }

  private remember(id: string): void {
    this.seen.add(id);
    this.state.seen.push(id);
    if (this.state.seen.length > LIMITS.rememberedEventIds) {
      this.seen.delete(this.state.seen.shift() as string);
    }
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
