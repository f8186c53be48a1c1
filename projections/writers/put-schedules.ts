/** Notes which Temporal Schedules a definition has, once they are reconciled with its latest version. */
import { commit } from '../connection/unit-of-work.js';
import type { Writer } from '../connection/writer.js';

/**
 * @param schedules ids of the schedules that exist now
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function putSchedules(
  { database, faults }: Writer,
  tenant: string,
  id: string,
  schedules: readonly string[],
): Promise<void> {
  await commit(
    database,
    [
      {
        label: 'definition_triggers.schedules',
        text: `UPDATE type::record('definition_triggers', $key) SET schedules = $schedules RETURN NONE`,
      },
    ],
    { key: [tenant, id], schedules: [...schedules] },
    faults,
  );
}
