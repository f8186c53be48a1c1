/** The definition of a version, or of the latest one. */
import { z } from 'zod';
import type { StoredDefinition } from '../../contracts/run/projection.js';
import type { Database } from '../connection/connection.js';
import { read } from '../connection/read.js';
import { loadTexts } from '../log/texts.js';

const Row = z.object({
  definition: z.string(),
  version: z.number(),
  hash: z.string(),
  source: z.string(),
  format: z.enum(['yaml', 'json']),
  published_at: z.date(),
  published_by: z.string(),
});

/**
 * @returns undefined where the tenant has no such version, or none is published
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function findDefinition(
  database: Database,
  tenant: string,
  id: string,
  version?: number,
): Promise<StoredDefinition | undefined> {
  const row = await read(
    database,
    Row.optional(),
    `SELECT * FROM ONLY type::record('definition', [$tenant, $id,
      $version ?? (SELECT VALUE version FROM ONLY type::record('definition_latest', [$tenant, $id])) ?? 0])`,
    { tenant, id, version },
  );
  if (row === undefined) return undefined;
  const load = await loadTexts(database, tenant, 'definition', [row.source]);
  return {
    pin: { id: row.definition, version: row.version, hash: row.hash },
    source: load(row.source),
    format: row.format,
    publishedAt: row.published_at.toISOString(),
    publishedBy: row.published_by,
  };
}
