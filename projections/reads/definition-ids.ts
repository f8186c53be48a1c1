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

/**
 * Whether the database has a definition of any tenant.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function hasDefinitions(database: Database): Promise<boolean> {
  const found = await read(database, z.array(z.unknown()), 'SELECT version FROM definition LIMIT 1');
  return found.length > 0;
}
