/**
 * The run's log on its way to the database: the workflow authors and numbers events, activities carry them.
 *
 * Invariants
 * - Every event is committed by a regular activity whose input, in Temporal's history, holds it.
 * - An event that is pending rides one carrier at a time; where the carrier does not confirm the commit, the
 *   event is free again and rides the next one. So nothing is lost, and history does not grow with the
 *   number of lanes. RUN_STARTED alone rides with every carrier until one is confirmed: no carrier may
 *   act before the run's row exists, and lanes start together.
 * - Committing twice is a no-op (projections/), so a carrier that committed and was not believed does no harm.
 */
import { jsonSize } from '../../../contracts/json.js';
import type { RunEvent, RunEventData, RunEventType } from '../../../contracts/run/run-events.js';
import { now } from '../../runtime/clock.js';
import type { RunState } from '../state/state.js';

/** Where an event belongs in the definition. */
export interface Where {
  readonly stepPath: string;
  readonly iteration: readonly number[];
  readonly attempt?: number;
}

interface Pending {
  readonly event: RunEvent;
  readonly bytes: number;
  riding: boolean;
  committed: boolean;
}

/** Events on their way with one carrier. */
export interface Batch {
  readonly events: readonly RunEvent[];
  readonly entries: readonly Pending[];
  /** Of the events as JSON. */
  readonly bytes: number;
}

const NOTHING: Batch = { events: [], entries: [], bytes: 0 };

/** What one carrier takes at most, bytes: an action's input may have 1 MiB beside it, Temporal takes 2 MiB. */
const BATCH_BYTES = 256 * 1024;

export class EventLog {
  private entries: Pending[];
  private freeBytes = 0;
  private listeners: ((event: RunEvent) => void)[] = [];

  constructor(private readonly state: RunState) {
    this.entries = state.pending.map((event) => ({
      event,
      bytes: jsonSize(event),
      riding: false,
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
    this.entries.push({ event, bytes, riding: false, committed: false });
    this.freeBytes += bytes;
    for (const listener of this.listeners) listener(event);
  }

  /** Hands the free events to a carrier, oldest first, as many as fit; at least one where there are any. */
  take(): Batch {
    if (this.entries.length === 0) return NOTHING;
    const taken: Pending[] = [];
    let bytes = 0;
    for (const entry of this.entries) {
      const rides = entry.event.type === 'RUN_STARTED';
      if (entry.riding && !rides) continue;
      if (taken.length > 0 && bytes + entry.bytes > BATCH_BYTES) break;
      bytes += entry.bytes;
      if (!entry.riding) this.freeBytes -= entry.bytes;
      entry.riding = true;
      taken.push(entry);
    }
    if (taken.length === 0) return NOTHING;
    this.state.wave++;
    return { events: taken.map((entry) => entry.event), entries: taken, bytes };
  }

  /** Ends a ride: committed events are done, others are free again. */
  settle(batch: Batch, committed: boolean): void {
    if (batch.entries.length === 0) return;
    // RUN_STARTED may ride with several carriers: one may free it while another has committed it, or the
    // other way round. An entry is counted as free or not, and once it is committed never again.
    for (const entry of batch.entries) {
      if (entry.committed) continue;
      if (committed) {
        if (!entry.riding) this.freeBytes -= entry.bytes;
        entry.committed = true;
      } else if (entry.riding) {
        entry.riding = false;
        this.freeBytes += entry.bytes;
      }
    }
    if (committed) this.entries = this.entries.filter((entry) => !entry.committed);
  }

  /** Bytes of events that ride with nobody. */
  get waitingBytes(): number {
    return this.freeBytes;
  }

  /** True where an event rides with nobody. */
  get hasFree(): boolean {
    return this.entries.some((entry) => !entry.riding);
  }

  /** True where every event has been committed. */
  get isEmpty(): boolean {
    return this.entries.length === 0;
  }

  /** Events that no carrier has confirmed, for the next execution. */
  unacknowledged(): RunEvent[] {
    return this.entries.map((entry) => entry.event);
  }
}
