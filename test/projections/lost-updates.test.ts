/**
 * Transactions that write the same row at the same time: none of them is lost.
 *
 * Without turns `surrealkv` loses one in some hundred of these, `mem` one in some thousand (connection.ts says why).
 * A server with one of the two loses them as well; so a server has RocksDB (docker-compose.yml), which is tried here
 * as an engine of this process, because not every build of the server has it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeEngines } from '@surrealdb/node';
import { Surreal } from 'surrealdb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isConflict, type Answer } from '../../projections/connection.js';
import { onEveryDatabase } from './support/databases.js';

const ADDERS = 4;
const ADDITIONS = 500;
const ADD = 'BEGIN; UPDATE counter:one SET times += 1 RETURN NONE; COMMIT';

/** Adds from several sides at once; an addition that loses a conflict is sent again. */
async function addMany(send: (text: string) => Promise<readonly Answer[]>): Promise<void> {
  const add = async (): Promise<void> => {
    const failed = (await send(ADD)).flatMap((answer) => (answer.ok ? [] : [answer.reason]));
    if (failed.some(isConflict)) return add();
    expect(failed).toEqual([]);
  };
  await Promise.all(
    Array.from({ length: ADDERS }, async () => {
      for (let i = 0; i < ADDITIONS; i++) await add();
    }),
  );
}

onEveryDatabase('Updates of one row at once', (host) => {
  it('are all made', async () => {
    const { database } = await host.open();
    await database.transact('BEGIN; CREATE counter:one SET times = 0; COMMIT');
    await addMany((text) => database.transact(text));
    const [counted] = await database.request('SELECT VALUE times FROM ONLY counter:one');
    expect(counted).toEqual({ ok: true, value: ADDERS * ADDITIONS });
  }, 60_000);
});

describe('Updates of one row at once in RocksDB, the store of a server', () => {
  let directory: string;
  let surreal: Surreal;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sluice-rocksdb-'));
    surreal = new Surreal({ engines: createNodeEngines() });
    await surreal.connect(`rocksdb://${directory}/store`, { namespace: 'sluice', database: 'sluice' });
  });
  afterAll(async () => {
    await surreal.close();
    await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  });

  it('are all made without turns', async () => {
    await surreal.query('CREATE counter:one SET times = 0');
    await addMany(async (text) =>
      (await surreal.query(text).responses()).map((answer) =>
        answer.success ? { ok: true, value: answer.result } : { ok: false, reason: answer.error.message },
      ),
    );
    const [counted] = await surreal.query('SELECT VALUE times FROM ONLY counter:one');
    expect(counted).toBe(ADDERS * ADDITIONS);
  }, 60_000);
});
