/** Notes which Temporal Schedules a definition has, once they are those of its latest version. */
import { z } from 'zod';
import { commit } from '../../connection/unit-of-work.js';
import type { Writer } from '../../connection/writer.js';

/**
 * @param schedules ids of the schedules that exist now
 * @param version the version that they were made for; 0: the definition is unpublished
 * @returns false where another version is the latest by now; nothing is noted then
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function putSchedules(
  { database, faults }: Writer,
  [tenant, id]: readonly [tenant: string, id: string],
  schedules: readonly string[],
  version: number,
): Promise<boolean> {
  const answers = await commit(
    database,
    [
      {
        label: 'definition_triggers.schedules',
        text: `{
  LET $latest = (SELECT VALUE version FROM ONLY type::record('definition_latest', $key)) ?? 0;
  IF $latest = $version {
    UPDATE type::record('definition_triggers', $key) SET schedules = $schedules RETURN NONE;
    true
  } ELSE { false }
}`,
      },
    ],
    { key: [tenant, id], schedules: [...schedules], version },
    faults,
  );
  return z.boolean().parse(answers.get('definition_triggers.schedules'));
}
