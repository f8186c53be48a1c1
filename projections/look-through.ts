/** Looks through the rows that services work through, for `sluice doctor`. */
import type { Database } from './connection/connection.js';
import type { Batch, Cursor } from './connection/read.js';
import { watchedRuns } from './reconcile/watch.js';
import { dueOutbox } from './reads/events/due-outbox.js';
import { allTriggers, unfinishedEvents } from './reads/events/routing.js';
import { triggerRetries } from './reads/events/trigger-retries.js';

/** Rows of one read. */
const PAGE = 500;

/**
 * Reads the outbox, the events whose routing has not ended, the triggers and their retries, and the runs that
 * the reconciler watches. `onUnreadable` of the connection gets those that cannot be read.
 * @param most rows of each kind that it looks at; it may look at the rest of a page more
 * @returns whether it has seen all
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function lookThrough(database: Database, most: number): Promise<boolean> {
  const now = new Date();
  const kinds: readonly ((after: Cursor | undefined) => Promise<Batch<unknown>>)[] = [
    (after) => dueOutbox(database, after, PAGE),
    (after) => unfinishedEvents(database, now, PAGE, after),
    (after) => allTriggers(database, after, PAGE),
    (after) => triggerRetries(database, PAGE, after),
    (after) => watchedRuns(database, after, PAGE),
  ];
  let all = true;
  for (const next of kinds) {
    let after: Cursor | undefined;
    for (let looked = 0; looked < most; looked += PAGE) {
      after = (await next(after)).next;
      if (after === undefined) break;
    }
    all &&= after === undefined;
  }
  return all;
}
