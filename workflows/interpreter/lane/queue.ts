/** A place in a queue. */
export type Ticket = object;

/** Lanes that wait for the same thing, in the order of their arrival. */
export class Queue {
  private readonly tickets = new Set<Ticket>();

  get isEmpty(): boolean {
    return this.tickets.size === 0;
  }

  /** Joins at the end. */
  join(): Ticket {
    const ticket = {};
    this.tickets.add(ticket);
    return ticket;
  }

  /** Whether no other ticket is ahead of this one. */
  isFirst(ticket: Ticket): boolean {
    return this.tickets.values().next().value === ticket;
  }

  /** Leaves, from any place in the queue. */
  leave(ticket: Ticket): void {
    this.tickets.delete(ticket);
  }
}
