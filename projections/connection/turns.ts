/**
 * One commit of a run's log at a time, in this process.
 *
 * Every commit of events writes the run's head. Lanes that start together bring a hundred commits at once;
 * as optimistic transactions one would win and all others would be sent again, which costs the square of
 * their number. In turns, each is sent once.
 *
 * This saves cost and nothing else: two processes still meet in the database, where one loses the conflict
 * and is sent again (unit-of-work.ts). The rows are right without it.
 */
import type { Database } from './connection.js';

const queues = new WeakMap<Database, Map<string, Promise<unknown>>>();

/**
 * Runs the work after all earlier work of the same run has ended, in success or failure.
 * @param of the run
 */
export async function inTurn<T>(
  database: Database,
  of: { readonly tenant: string; readonly runId: string },
  work: () => Promise<T>,
): Promise<T> {
  const queue = queues.get(database) ?? new Map<string, Promise<unknown>>();
  queues.set(database, queue);
  const key = `${of.tenant}\n${of.runId}`;
  const turn = Promise.allSettled([queue.get(key)]).then(work);
  queue.set(key, turn);
  try {
    return await turn;
  } finally {
    if (queue.get(key) === turn) queue.delete(key);
  }
}
