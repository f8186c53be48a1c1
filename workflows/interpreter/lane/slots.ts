/**
 * How many activities and children one run may have open at once. Temporal refuses more than 2,000 by
 * failing the workflow task for ever; Sluice keeps far below, whatever loops are nested in one another.
 *
 * Lanes that wait for a slot stand in a queue, and only the first of it wakes: if all of them did, each slot
 * that is given back would cost as much work as there are lanes.
 */
import { Queue, type Ticket } from './queue.js';

export class Slots {
  readonly queue = new Queue();
  private used = 0;

  /** @param most how many may be taken at once */
  constructor(private readonly most: number) {}

  /** True where one more may be opened now. */
  get free(): boolean {
    return this.used < this.most;
  }

  /** Takes a slot; false where there is none, or where another is first in the queue. */
  take(ticket?: Ticket): boolean {
    if (!this.free || (ticket !== undefined && !this.queue.isFirst(ticket))) return false;
    this.used++;
    return true;
  }

  /** Takes a slot where one is free and nobody waits for it. */
  takeAtOnce(): boolean {
    return this.queue.isEmpty && this.take();
  }

  give(): void {
    this.used--;
  }
}
