/**
 * The run's log on its way to the database: the workflow authors and numbers run events, and attaches them to
 * activities, their carriers, which commit them.
 *
 * Invariants
 * - Every event is committed by a regular activity whose input, in Temporal's history, holds it.
 * - A pending event is attached to one carrier at a time; where the carrier does not confirm the commit, the
 *   event is free again and is attached to the next one. So nothing is lost, and history does not grow with
 *   the number of lanes. RUN_STARTED alone is attached to every carrier until one confirms it: no carrier may
 *   act before the run's row exists, and lanes start together.
 * - Committing twice is a no-op (projections/), so a carrier that committed without confirming does no harm.
 * - What a carrier committed is read from its result, never from what memory attached to it: after a failed
 *   workflow task, a replay may see signals earlier than the worker did (contracts/run/signal-prints.ts). The
 *   events that a carrier did not get are free again, and numbered behind those that it got.
 */
import { jsonSize } from '../../../contracts/json.js';
import type { RunEvent, RunEventData, RunEventType } from '../../../contracts/run/run-events.js';
import { PRINT_CHARACTERS, signalPrint } from '../../../contracts/run/signal-prints.js';
import { now } from '../../runtime/clock.js';
import type { RunState } from '../state/state.js';

/** The place in the definition that an event belongs to. */
export interface Where {
  readonly stepPath: string;
  readonly iteration: readonly number[];
  readonly attempt?: number;
}

interface Pending {
  event: RunEvent;
  readonly bytes: number;
  attached: boolean;
  committed: boolean;
}

/** The events that are attached to one carrier. */
export interface Batch {
  readonly events: readonly RunEvent[];
  readonly entries: readonly Pending[];
  /** Size of the events as JSON. */
  readonly bytes: number;
}

const NOTHING: Batch = { events: [], entries: [], bytes: 0 };

/**
 * Most bytes of events for one carrier: an action's input may have 1 MiB beside them, and Temporal takes 2
 * MiB.
 */
const BATCH_BYTES = 256 * 1024;

/**
 * An event over this goes with a flush, alone: beside the input of an action it could be too much. Only an
 * event that becomes a dead letter is so large: a start's payload is flushed before the first step.
 */
const ALONE_BYTES = 512 * 1024;

export class EventLog {
  private entries: Pending[];
  private freeBytes = 0;
  private listeners: ((event: RunEvent) => void)[] = [];

  constructor(private readonly state: RunState) {
    this.entries = state.pending.map((event) => ({
      event,
      bytes: jsonSize(event),
      attached: false,
      committed: false,
    }));
    this.freeBytes = this.entries.reduce((sum, entry) => sum + entry.bytes, 0);
  }

  /** Calls the listener with each event as it is authored. */
  onEvent(listener: (event: RunEvent) => void): void {
    this.listeners.push(listener);
  }

  /** Authors an event: numbers it and keeps it until a carrier has committed it. */
  emit<T extends RunEventType>(type: T, data: RunEventData<T>, where?: Where): void {
    const event = {
      seq: ++this.state.seq,
      at: now(),
      wave: this.state.wave,
      type,
      ...(where && { stepPath: where.stepPath }),
      ...(where && where.iteration.length > 0 && { iteration: where.iteration }),
      ...(where?.attempt !== undefined && where.attempt > 1 && { attempt: where.attempt }),
      data,
    } as RunEvent;
    const bytes = jsonSize(event);
    this.entries.push({ event, bytes, attached: false, committed: false });
    this.freeBytes += bytes;
    for (const listener of this.listeners) listener(event);
  }

  /**
   * Attaches free events to a carrier, oldest first, as many as fit; at least one if any event is free.
   * @param all false: only events that an action has room for beside its input
   */
  take(all = true): Batch {
    if (this.entries.length === 0) return NOTHING;
    const taken: Pending[] = [];
    let bytes = 0;
    for (const entry of this.entries) {
      const always = entry.event.type === 'RUN_STARTED';
      if (entry.attached && !always) continue;
      if (!all && isAlone(entry)) continue;
      if (taken.length > 0 && bytes + entry.bytes > BATCH_BYTES) break;
      bytes += entry.bytes;
      if (!entry.attached) this.freeBytes -= entry.bytes;
      entry.attached = true;
      taken.push(entry);
    }
    if (taken.length === 0) return NOTHING;
    this.state.wave++;
    return { events: taken.map((entry) => entry.event), entries: taken, bytes };
  }

  /**
   * Notes that a carrier has ended: committed events are done, others are free again.
   * @param signals `signalPrints` of what it committed; absent: it committed all that was attached, or none
   */
  settle(batch: Batch, committed: boolean, signals?: string): void {
    if (batch.entries.length === 0) return;
    const strangers = committed && signals !== undefined ? this.notCommitted(batch, signals) : [];
    this.conclude(
      batch.entries.filter((entry) => !strangers.includes(entry)),
      committed,
    );
    if (strangers.length === 0) return;
    this.conclude(strangers, false);
    this.renumber(strangers, batch);
  }

  /**
   * The entries of signals that history's carrier did not get. An event that it got, and that memory has
   * elsewhere, is done too.
   */
  private notCommitted(batch: Batch, signals: string): Pending[] {
    const got = new Map<string, number>();
    for (let at = 0; at < signals.length; at += PRINT_CHARACTERS) {
      const print = signals.slice(at, at + PRINT_CHARACTERS);
      got.set(print, (got.get(print) ?? 0) + 1);
    }
    const take = (entry: Pending): boolean => {
      const print = signalPrint(entry.event);
      const left = print === undefined ? 0 : (got.get(print) ?? 0);
      if (left > 0) got.set(print as string, left - 1);
      return left > 0;
    };
    const strangers = batch.entries.filter(
      (entry) => !entry.committed && signalPrint(entry.event) !== undefined && !take(entry),
    );
    if ([...got.values()].some((left) => left > 0)) {
      this.conclude(
        this.entries.filter((entry) => !batch.entries.includes(entry) && take(entry)),
        true,
      );
    }
    return strangers;
  }

  /**
   * Gives events that were not committed with their batch numbers behind it, as their author gave them. Where
   * another carrier has later events already, these keep their numbers, and the log has a gap.
   */
  private renumber(strangers: readonly Pending[], batch: Batch): void {
    const last = batch.entries.at(-1)?.event.seq ?? 0;
    const first = strangers[0]?.event.seq ?? 0;
    const later = this.entries.filter((entry) => entry.event.seq > last);
    const inBatch = batch.entries.filter((entry) => entry.event.seq >= first);
    const free = later.every((entry) => !entry.attached) && inBatch.length === last - first + 1;
    if (free) this.state.seq = last - strangers.length;
    const moved = free ? [...strangers, ...later] : strangers;
    for (const entry of moved) entry.event = { ...entry.event, seq: ++this.state.seq };
    this.entries.sort((a, b) => a.event.seq - b.event.seq);
  }

  private conclude(entries: readonly Pending[], committed: boolean): void {
    // RUN_STARTED may be attached to several carriers: one may free it while another has committed it, in
    // either order. An entry is counted as free or not, and no longer once it is committed.
    for (const entry of entries) {
      if (entry.committed) continue;
      if (committed) {
        if (!entry.attached) this.freeBytes -= entry.bytes;
        entry.committed = true;
      } else if (entry.attached) {
        entry.attached = false;
        this.freeBytes += entry.bytes;
      }
    }
    if (committed) this.entries = this.entries.filter((entry) => !entry.committed);
  }

  /** Bytes of events that are attached to no carrier. */
  get waitingBytes(): number {
    return this.freeBytes;
  }

  /** Whether an event is not committed that leaves little room in the state of a next execution. */
  get hasAlone(): boolean {
    return this.entries.some(isAlone);
  }

  /** Whether an event is attached to no carrier. */
  get hasFree(): boolean {
    return this.entries.some((entry) => !entry.attached);
  }

  /** Whether every event has been committed. */
  get isEmpty(): boolean {
    return this.entries.length === 0;
  }

  /** Events that no carrier has confirmed, for the next execution. */
  unacknowledged(): RunEvent[] {
    return this.entries.map((entry) => entry.event);
  }
}

function isAlone({ event, bytes }: Pending): boolean {
  return event.type === 'EVENT_DROPPED' && bytes > ALONE_BYTES;
}
