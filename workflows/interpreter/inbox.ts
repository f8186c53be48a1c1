/**
 * Events inside a run: which wait gets which event.
 *
 * Invariants
 * - An event (source + id) is looked at once in the life of the run, continue-as-new included: a duplicate
 *   never satisfies a later wait. Ids are remembered up to a bound, the oldest forgotten first.
 * - One event satisfies at most one wait: among those that match, the one that was opened first.
 * - An event that no wait takes stays for later waits, in a bounded buffer; what is dropped is logged.
 */
import { passesFilter } from '../../contracts/filters.js';
import { jsonSize } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import { EventSignal } from '../../contracts/messages.js';
import { now, parseInstant } from '../clock.js';
import type { EventLog } from './event-log.js';
import type { BufferedEvent, EventWaitFrame, RunState } from './state.js';

export class Inbox {
  private readonly open = new Map<EventWaitFrame, { matched?: BufferedEvent }>();
  private readonly seen: Set<string>;
  private bytes: number;

  constructor(
    private readonly state: RunState,
    private readonly log: EventLog,
  ) {
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
    const parsed = EventSignal.safeParse(payload);
    if (!parsed.success) {
      const reason = parsed.error.issues
        .map((issue) => `${issue.path.join('.') || 'payload'}: ${issue.message}`)
        .join('; ');
      this.log.emit('SIGNAL_REJECTED', { signal: 'event', reason: reason.slice(0, 1_000) });
      return;
    }
    const event = parsed.data;
    const about = { eventId: event.eventId, source: event.source, eventName: event.eventName };
    const id = JSON.stringify([event.source, event.eventId]);
    if (this.seen.has(id)) {
      this.log.emit('EVENT_DROPPED', { ...about, reason: 'duplicate' });
      return;
    }
    this.remember(id);
    const at = event.receivedAt === undefined ? now() : parseInstant(event.receivedAt);
    const entry: BufferedEvent = { event, at, bytes: jsonSize(event) };
    this.log.emit('EVENT_RECEIVED', { ...about, correlationKey: event.correlationKey });
    const wait = [...this.open.keys()]
      .filter((frame) => this.open.get(frame)?.matched === undefined && matches(frame, entry))
      .sort((a, b) => a.order - b.order)[0];
    if (wait) {
      this.open.set(wait, { matched: entry });
      return;
    }
    this.keep(entry);
  }

  /** Opens a wait. An event that came before it and matches is taken at once, oldest first. */
  openWait(frame: EventWaitFrame): void {
    const index = this.state.buffer.findIndex((entry) => matches(frame, entry));
    if (index < 0) {
      this.open.set(frame, {});
      return;
    }
    const [entry] = this.state.buffer.splice(index, 1) as [BufferedEvent];
    this.bytes -= entry.bytes;
    this.open.set(frame, { matched: entry });
  }

  /** True where an open wait has its event. */
  hasMatch(frame: EventWaitFrame): boolean {
    return this.open.get(frame)?.matched !== undefined;
  }

  /** Closes a wait and gives the event that it got. */
  closeWait(frame: EventWaitFrame): BufferedEvent | undefined {
    const matched = this.open.get(frame)?.matched;
    this.open.delete(frame);
    return matched;
  }

  /**
   * Forgets an open wait without closing it, because the run continues as new or the lane was cancelled:
   * an event that it had already got goes back to where it was.
   */
  releaseWait(frame: EventWaitFrame): void {
    const matched = this.closeWait(frame);
    if (!matched) return;
    this.state.buffer.push(matched);
    this.state.buffer.sort((a, b) => a.at - b.at);
    this.bytes += matched.bytes;
  }

  /** All open waits, in the order of opening. */
  openWaits(): readonly EventWaitFrame[] {
    return [...this.open.keys()].sort((a, b) => a.order - b.order);
  }

  private keep(entry: BufferedEvent): void {
    if (entry.bytes > LIMITS.bufferedBytes) {
      this.drop(entry, 'too_large');
      return;
    }
    this.state.buffer.push(entry);
    this.bytes += entry.bytes;
    while (this.state.buffer.length > LIMITS.bufferedEvents || this.bytes > LIMITS.bufferedBytes) {
      const oldest = this.state.buffer.shift() as BufferedEvent;
      this.bytes -= oldest.bytes;
      this.drop(oldest, 'buffer_full');
    }
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
    if (this.state.seen.length > LIMITS.rememberedEventIds)
      this.seen.delete(this.state.seen.shift() as string);
  }
}

function matches(frame: EventWaitFrame, { event, at }: BufferedEvent): boolean {
  return (
    frame.names.includes(event.eventName) &&
    (frame.key === null || frame.key === event.correlationKey) &&
    at >= frame.since &&
    frame.filters.every((filter) => passesFilter(filter, event.payload))
  );
}
