/**
 * One commit of a run's log at a time, in this process.
 *
 * Every commit of events writes the run's head. Lanes that start together bring a hundred of them at once; as
 * optimistic transactions one would win and all others come again, which costs the square of their number.
 * In turns each is sent once.
 *
 * This is about cost alone: two processes still meet in the database, where one loses the conflict and is
 * sent again (unit-of-work.ts). Nothing here has to be right for the rows to be right.
 */
import type { Database } from './connection.js';

const queues = new WeakMap<Database, Map<string, Promise<unknown>>>();

/**
 * Runs the work when all earlier work of the same run has ended, however that ended.
 * @param of tenant and run id
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
