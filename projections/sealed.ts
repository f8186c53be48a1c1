/**
 * A database whose value columns are encrypted by a key ring.
 *
 * Invariants
 * - Every answer passes here, so no reader can forget to open a column. Writers get `seal` from the database.
 * - A database is encrypted under one ring, whose print it holds. A process without that ring is refused at
 *   the start: what it writes would be in clear, and it would miss the rows of encrypted correlation keys.
 */
import { z } from 'zod';
import { SluiceError } from '../contracts/errors.js';
import { openRows, PLAIN, type ValueSeal } from './values/value-seal.js';
import type { Answer, Database } from './connection/connection.js';
import { read } from './connection/read.js';
import { commit } from './connection/unit-of-work.js';

/**
 * @returns the database, with its answers opened
 * @throws SluiceError KEY_UNKNOWN where the database is encrypted under another ring
 */
export async function withSeal(database: Database, seal: ValueSeal = PLAIN): Promise<Database> {
  await claim(database, seal);
  const opened = async (answers: Promise<readonly Answer[]>): Promise<readonly Answer[]> =>
    (await answers).map((answer) => (answer.ok ? { ok: true, value: openRows(seal, answer.value) } : answer));
  return {
    seal,
    request: (...args) => opened(database.request(...args)),
    transact: (...args) => opened(database.transact(...args)),
    close: () => database.close(),
    unreadable: database.unreadable,
  };
}

/** Notes the ring in an empty place; refuses another. */
async function claim(database: Database, { print }: ValueSeal): Promise<void> {
  if (print !== undefined) {
    await commit(
      database,
      [
        {
          label: 'encryption.claim',
          text: `IF !record::exists(encryption:ring) { CREATE encryption:ring SET print = $print RETURN NONE }`,
        },
      ],
      { print },
    );
  }
  const rows = await read(database, z.array(z.string()), 'SELECT VALUE print FROM encryption');
  if (rows.every((found) => found === print)) return;
  throw new SluiceError(
    'KEY_UNKNOWN',
    print === undefined
      ? 'The database holds encrypted values, and this process has no key ring. Set SLUICE_KEY_RING_FILE.'
      : 'The database is encrypted under another key ring: its index key is not the one of SLUICE_KEY_RING_FILE.',
  );
}
