/** Ids of all published definitions of a tenant. */
import { z } from 'zod';
import type { Database } from '../connection/connection.js';
import { read, readReadable } from '../connection/read.js';

/** @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function definitionIds(database: Database, tenant: string): Promise<readonly string[]> {
  const found = await readReadable(
    database,
    z.object({ name: z.string() }),
    `SELECT id, id[1] AS name FROM definition_latest:[$tenant]..[$tenant, ..]`,
    { tenant },
  );
  return found.map(({ name }) => name).sort();
}

/**
 * Whether the database has a definition of any tenant.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function hasDefinitions(database: Database): Promise<boolean> {
  const found = await read(database, z.array(z.unknown()), 'SELECT version FROM definition LIMIT 1');
  return found.length > 0;
}

/**
 * The versions of a definition, the lowest first, also where it is unpublished.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function definitionVersions(
  database: Database,
  tenant: string,
  id: string,
): Promise<readonly number[]> {
  return await read(
    database,
    z.array(z.number()),
    'SELECT VALUE id[2] FROM definition:[$tenant, $id]..[$tenant, $id, ..]',
    { tenant, id },
  );
}
