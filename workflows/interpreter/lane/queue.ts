/** A place in a queue. */
export type Ticket = object;

/** Lanes that wait for the same thing, in their order. */
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

  /** True where no other stands before. */
  isFirst(ticket: Ticket): boolean {
    return this.tickets.values().next().value === ticket;
  }

  /** Leaves, from whatever place. */
  leave(ticket: Ticket): void {
    this.tickets.delete(ticket);
  }
}
