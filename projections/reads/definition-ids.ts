/** Ids of all published definitions of a tenant. */
import { z } from 'zod';
import type { Database } from '../connection/connection.js';
import { read } from '../connection/read.js';

/** @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function definitionIds(database: Database, tenant: string): Promise<readonly string[]> {
  const ids = await read(
    database,
    z.array(z.string()),
    `SELECT VALUE id[1] FROM definition_latest:[$tenant]..[$tenant, ..]`,
    { tenant },
  );
  return ids.sort();
}
