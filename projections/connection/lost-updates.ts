/**
 * Tests whether a server keeps concurrent updates of one row. With `surrealkv` and `memory` SurrealDB 3.0
 * sometimes loses one (connection.ts), and a server doesn't say which engine it has.
 *
 * The test can only show that updates are lost, never that none are: a server that loses none in the time
 * may be lucky.
 */
import { randomUUID } from 'node:crypto';
import { SluiceError } from '../../contracts/errors.js';
import type { Answer, Database } from './connection.js';
import { isConflict } from './failures.js';

/** Updates that the server acknowledged, and how many of them it lost. */
export interface UpdatesOfOneRow {
  readonly made: number;
  readonly lost: number;
}

/** Time between two counts of lost updates, ms. */
const ROUND_MS = 500;

/**
 * Adds to one counter from all connections at once, in a separate table, which is removed afterwards.
 * @param forMs how long to test, ms; ends earlier when an update is lost
 * @throws SluiceError DATABASE_FAILED where the user may not create a table; DATABASE_UNAVAILABLE
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
      // Wait for all before reporting a failure: the table is removed next.
      const counts = await Promise.allSettled(connections.map((connection) => add(connection, table, until)));
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

/** @returns how many additions the server acknowledged */
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
