/**
 * How many activities and children one run may have open at once. Past 2,000 Temporal fails the workflow task
 * again and again; Sluice stays far below, however deep loops are nested.
 *
 * Lanes that wait for a slot queue up, and only the first one wakes: if all of them did, each slot that is
 * given back would cost as much work as there are lanes.
 */
import { Queue, type Ticket } from './queue.js';

export class Slots {
  readonly queue = new Queue();
  private used = 0;

  /** @param most how many slots may be taken at once */
  constructor(private readonly most: number) {}

  /** Whether a slot is free. */
  get free(): boolean {
    return this.used < this.most;
  }

  /** Takes a slot; false where none is free, or where another ticket is first in the queue. */
  take(ticket?: Ticket): boolean {
    if (!this.free || (ticket !== undefined && !this.queue.isFirst(ticket))) return false;
    this.used++;
    return true;
  }

  /** Takes a slot if one is free and the queue is empty. */
  takeAtOnce(): boolean {
    return this.queue.isEmpty && this.take();
  }

  give(): void {
    this.used--;
  }
}
