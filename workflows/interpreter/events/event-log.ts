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
 */
import { jsonSize } from '../../../contracts/json.js';
import type { RunEvent, RunEventData, RunEventType } from '../../../contracts/run/run-events.js';
import { now } from '../../runtime/clock.js';
import type { RunState } from '../state/state.js';

/** The place in the definition that an event belongs to. */
export interface Where {
  readonly stepPath: string;
  readonly iteration: readonly number[];
  readonly attempt?: number;
}

interface Pending {
  readonly event: RunEvent;
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

  /** Attaches free events to a carrier, oldest first, as many as fit; at least one if any event is free. */
  take(): Batch {
    if (this.entries.length === 0) return NOTHING;
    const taken: Pending[] = [];
    let bytes = 0;
    for (const entry of this.entries) {
      const always = entry.event.type === 'RUN_STARTED';
      if (entry.attached && !always) continue;
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

  /** Notes that a carrier has ended: committed events are done, others are free again. */
  settle(batch: Batch, committed: boolean): void {
    if (batch.entries.length === 0) return;
    // RUN_STARTED may be attached to several carriers: one may free it while another has committed it, in
    // either order. An entry is counted as free or not, and no longer once it is committed.
    for (const entry of batch.entries) {
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
