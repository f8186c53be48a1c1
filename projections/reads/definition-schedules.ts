/** The Temporal Schedules that a definition may have. */
import { z } from 'zod';
import type { Database } from '../connection/connection.js';
import { read } from '../connection/read.js';

/**
 * Ids of every schedule that the definition has or had, until `putSchedules` notes which are left.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function definitionSchedules(
  database: Database,
  tenant: string,
  id: string,
): Promise<readonly string[]> {
  return await read(
    database,
    z.array(z.string()).default([]),
    `SELECT VALUE schedules FROM ONLY type::record('definition_triggers', [$tenant, $id])`,
    { tenant, id },
  );
}
