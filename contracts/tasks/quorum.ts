/**
 * Whether enough people have decided alike.
 *
 * Invariant (tasks-need-distinct-people): each person fills at most one seat, however many roles they have;
 * only a person who fits a seat fills it.
 */
import type { Assignee, Seats } from './task.js';

interface Person {
  readonly account: string;
  readonly roles: readonly string[];
}

/** Whether the assignee means the person: the account or the role is enough. */
export function isMeant({ account, role }: Assignee, person: Person): boolean {
  if (account === undefined && role === undefined) return true;
  return person.account === account || (role !== undefined && person.roles.includes(role));
}

/** Whether the person could fill a seat of some kind. */
export function fitsSeat(seats: Seats, assignee: Assignee, person: Person): boolean {
  const { role, accounts } = seats;
  if (role === undefined && accounts === undefined) return isMeant(assignee, person);
  return (role !== undefined && person.roles.includes(role)) || accounts?.includes(person.account) === true;
}

/** Whether the people fill all seats. */
export function isFilled(quorum: readonly Seats[], assignee: Assignee, people: readonly Person[]): boolean {
  const seats = quorum.flatMap((kind) => Array.from({ length: kind.count }, () => kind));
  const distinct = [...new Map(people.map((person) => [person.account, person])).values()];
  if (distinct.length < seats.length) return false;
  /** For each person the seat that they fill. */
  const filled = new Map<Person, number>();
  return seats.every((_, seat) => seatSomeone(seat, new Set()));

  /** Kuhn's algorithm: who fills a seat moves to another one if that frees it for who fits no other. */
  function seatSomeone(seat: number, tried: Set<Person>): boolean {
    const kind = seats[seat];
    for (const person of distinct) {
      if (kind === undefined || tried.has(person) || !fitsSeat(kind, assignee, person)) continue;
      tried.add(person);
      const other = filled.get(person);
      if (other !== undefined && !seatSomeone(other, tried)) continue;
      filled.set(person, seat);
      return true;
    }
    return false;
  }
}
