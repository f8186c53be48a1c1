/** The Temporal Schedules that a definition may have. */
import { z } from 'zod';
import type { ScheduledDefinition } from '../../contracts/run/projection.js';
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

/**
 * Every definition of every tenant that has or had schedules.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function scheduledDefinitions(database: Database): Promise<readonly ScheduledDefinition[]> {
  return await read(
    database,
    z.array(z.object({ tenant: z.string(), id: z.string(), schedules: z.array(z.string()) })),
    `SELECT record::id(id)[0] AS tenant, record::id(id)[1] AS id, schedules FROM definition_triggers WHERE array::len(schedules) > 0`,
    {},
  );
}
