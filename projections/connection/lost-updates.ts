/**
 * Whether a server keeps the updates that are made of one row at the same time. With `surrealkv` and `memory` SurrealDB
 * 3.0 does not, now and then (connection.ts), and a server does not tell which it has; so it is tried.
 *
 * It can only be shown that updates are lost, never that they are not: one that loses none within the time may be lucky.
 */
import { randomUUID } from 'node:crypto';
import { SluiceError } from '../../contracts/errors.js';
import { isConflict, type Answer, type Database } from './connection.js';

/** What became of the updates that the server said it had made. */
export interface UpdatesOfOneRow {
  readonly made: number;
  readonly lost: number;
}

/** Time between two looks at how many are lost, ms. */
const ROUND_MS = 500;

/**
 * Adds to one counter from all connections at once, in a table of its own, which is removed afterwards.
 * @param forMs how long, unless one is lost before
 * @throws SluiceError DATABASE_FAILED where the user may not make a table; DATABASE_UNAVAILABLE
 */
export async function tryUpdatesOfOneRow(
  connections: readonly [Database, ...Database[]],
  forMs: number,
): Promise<UpdatesOfOneRow> {
  const table = `doctor_${randomUUID().replaceAll('-', '')}`;
  const [first] = connections;
  try {
    await must(first, `DEFINE TABLE ${table} SCHEMALESS; CREATE ${table}:counter SET times = 0 RETURN NONE`);
    const end = Date.now() + forMs;
    let made = 0;
    let lost = 0;
    while (lost <= 0 && Date.now() < end) {
      const until = Math.min(end, Date.now() + ROUND_MS);
      // All have ended before one that failed is heard: the table is removed after it.
      const counts = await Promise.allSettled(connections.map((one) => add(one, table, until)));
      for (const count of counts) {
        if (count.status === 'rejected') throw count.reason;
        made += count.value;
      }
      lost = made - Number((await must(first, `SELECT VALUE times FROM ONLY ${table}:counter`)).at(-1));
    }
    return { made, lost };
  } finally {
    await must(first, `REMOVE TABLE IF EXISTS ${table}`);
  }
}

/** @returns how many additions the server said it had made */
async function add(database: Database, table: string, until: number): Promise<number> {
  let made = 0;
  while (Date.now() < until) {
    const failed = reasons(await database.request(`UPDATE ${table}:counter SET times += 1 RETURN NONE`));
    if (failed.length === 0) made += 1;
    else if (!failed.some(isConflict)) throw new SluiceError('DATABASE_FAILED', failed.join('; '));
  }
  return made;
}

async function must(database: Database, text: string): Promise<readonly unknown[]> {
  const answers = await database.request(text);
  const failed = reasons(answers);
  if (failed.length > 0) throw new SluiceError('DATABASE_FAILED', failed.join('; '));
  return answers.map((answer) => (answer.ok ? answer.value : undefined));
}

const reasons = (answers: readonly Answer[]): string[] =>
  answers.flatMap((answer) => (answer.ok ? [] : [answer.reason]));
