/**
 * Events inside a run: which wait gets which event.
 *
 * Invariants
 * - An event (source + id) is looked at once in the life of the run, continue-as-new included: a duplicate
 *   never satisfies a later wait. Ids are remembered up to a bound, the oldest forgotten first.
 * - One event satisfies at most one wait: among those that match, the one that was opened first.
 * - An event that no wait takes stays for later waits, in a bounded buffer; what is dropped is logged.
 * - Events that come in one workflow task are given out one after the other, as if each had come in a task of its own:
 *   the next one when the lane that got the one before has gone on as far as it can. What that lane ends (a race that it
 *   has won) no longer takes anything.
 * - All of it stands in the run's state (open waits in their frames): which wait gets an event is the same
 *   whether or not the run continues as new in between, and whatever order its lanes come back in.
 */
import { condition, workflowInfo } from '@temporalio/workflow';
import { passesFilter } from '../../../contracts/events/filters.js';
import { isDeeperThan, jsonSize } from '../../../contracts/json.js';
import { LIMITS } from '../../../contracts/limits.js';
import { EventSignal } from '../../../contracts/run/messages.js';
import { now, parseInstant } from '../../runtime/clock.js';
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

/** Of the hash by which an event is remembered: 80 bits. 5,000 whole ids could have 10 MB. */
const ID_CHARACTERS = 20;

export class Inbox {
  /** Open waits, in the order of opening. */
  private readonly open: EventWaitFrame[];
  private readonly seen: Set<string>;
  /** Received, and not given out yet: only within a workflow task. */
  private readonly arrived: BufferedEvent[] = [];
  private bytes: number;

  constructor(
    private readonly state: RunState,
    private readonly log: EventLog,
  ) {
    // Those of the execution before are open from the first moment, in their old order.
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
   * Takes the payload of an `event` signal. It never throws: what it can't understand becomes an event of
   * the log (SIGNAL_REJECTED).
   */
  receive(payload: unknown): void {
    if (isDeeperThan(payload, LIMITS.depth)) {
      this.reject(`payload: nested more than ${LIMITS.depth} levels deep`);
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
    // The sender meant a run that has ended, and this one has come to its workflow id.
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

  /** Gives out what came together, one at a time; until the workflow ends, to be started once. */
  async work(): Promise<never> {
    for (;;) {
      // Asked when no lane has anything to do.
      await condition(() => this.arrived.length > 0 && this.settled);
      this.giveNext();
    }
  }

  /** Gives out everything at once, for a run that continues as new: what is in no frame and in no buffer would be lost. */
  giveAll(): void {
    while (this.arrived.length > 0) this.giveNext();
  }

  /** True where a wait has an event that its lane has not taken yet. */
  get hasTaker(): boolean {
    return this.open.some((frame) => frame.matched !== undefined);
  }

  private get settled(): boolean {
    return !this.hasTaker;
  }

  private giveNext(): void {
    const entry = this.arrived.shift();
    if (entry === undefined) return;
    // It has come while the wait is open: that a clock elsewhere is behind makes it none from before.
    const wait = this.open.find(
      (frame) => frame.matched === undefined && this.matches(frame, entry, LIMITS.clockSkewMs),
    );
    if (wait) wait.matched = entry;
    else this.keep(entry);
  }

  /**
   * Opens a wait. An event that came before it and matches is taken at once, oldest first.
   * @param lookBack false: only events that are yet to come
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

  /** Closes a wait whose lane was cancelled: an event that it had already got is there for others. */
  cancelWait(frame: EventWaitFrame): void {
    this.closeWait(frame);
    if (frame.matched) this.keep(frame.matched);
  }

  /** Keeps an event in its place by the time it was received. */
  private keep(entry: BufferedEvent): void {
    const { buffer } = this.state;
    const later = buffer.findLastIndex((other) => other.at <= entry.at) + 1;
    buffer.splice(later, 0, entry);
    this.bytes += entry.bytes;
    while (buffer.length > LIMITS.bufferedEvents || this.bytes > LIMITS.bufferedBytes) {
      const oldest = buffer.shift() as BufferedEvent;
      this.bytes -= oldest.bytes;
      this.drop(oldest, 'buffer_full');
    }
  }

  private reject(reason: string): void {
    this.log.emit('SIGNAL_REJECTED', { signal: 'event', reason: reason.slice(0, 1_000) });
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

  /** @param skewMs how much earlier than the wait looks back an event may seem to have come */
  private matches(frame: EventWaitFrame, { event, at }: BufferedEvent, skewMs = 0): boolean {
    // Of what this run was sent, little can be from before it: but for clocks, what another wait has looked back for.
    const skew = frame.since === SINCE_THE_RUN_BEGAN ? LIMITS.clockSkewMs : skewMs;
    return (
      frame.names.includes(event.eventName) &&
      (frame.key === null || frame.key === event.correlationKey) &&
      at >= looksBackTo(frame, this.state.startedAt) - skew &&
      frame.filters.every((filter) => passesFilter(filter, event.payload))
    );
  }
}
