/**
 * Transactions that write the same row at the same time: none is lost.
 *
 * Sent at once, `surrealkv` loses one of these in about a hundred, and `mem` one in about a thousand
 * (connection.ts says why). RocksDB, which a server needs, gets them at once.
 */
import { expect, it } from 'vitest';
import type { Database } from '../../../projections/connection/connection.js';
import { isConflict } from '../../../projections/connection/failures.js';
import { onEveryDatabase } from '../support/databases.js';

const ADDERS = 4;
const ADDITIONS = 500;
const ADD = 'BEGIN; UPDATE counter:one SET times += 1 RETURN NONE; COMMIT';

/**
 * Adds from several sides at once; an addition that loses a conflict is sent again.
 * @returns how often one was sent again
 */
async function addMany(database: Database): Promise<number> {
  let again = 0;
  const add = async (): Promise<void> => {
    const failed = (await database.transact(ADD)).flatMap((answer) => (answer.ok ? [] : [answer.reason]));
    if (failed.some(isConflict)) {
      again += 1;
      return add();
    }
    expect(failed).toEqual([]);
  };
  await Promise.all(
    Array.from({ length: ADDERS }, async () => {
      for (let i = 0; i < ADDITIONS; i++) await add();
    }),
  );
  return again;
}

onEveryDatabase('Updates of one row at once', (host) => {
  it('concurrent updates of one row are all kept', async () => {
    const { database } = await host.open();
    await database.transact('BEGIN; CREATE counter:one SET times = 0; COMMIT');
    const again = await addMany(database);
    // They meet only where they are sent at once.
    expect(again > 0).toBe(host.kind === 'rocksdb');
    const [counted] = await database.request('SELECT VALUE times FROM ONLY counter:one');
    expect(counted).toEqual({ ok: true, value: ADDERS * ADDITIONS });
  }, 60_000);
});
