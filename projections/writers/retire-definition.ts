/** Takes a definition back: what started its runs is gone, its versions stay for the runs that are pinned to them. */
import { z } from 'zod';
import type { RetiredDefinition } from '../../contracts/run/projection.js';
import { commit } from '../connection/unit-of-work.js';
import type { Writer } from '../connection/writer.js';

const Answer = z.object({ found: z.boolean(), schedules: z.array(z.string()) });

/** @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function retireDefinition(
  { database, faults }: Writer,
  tenant: string,
  id: string,
): Promise<RetiredDefinition> {
  const answers = await commit(
    database,
    [
      {
        label: 'definition.retire',
        text: `{
  LET $latest = type::record('definition_latest', $key);
  LET $was = (SELECT * FROM ONLY $latest);
  LET $had = (SELECT * FROM ONLY type::record('definition_triggers', $key));
  FOR $name IN ($had.event_names ?? []) {
    DELETE event_trigger:[$key[0], $name, $key[1]]..[$key[0], $name, $key[1], ..] RETURN NONE;
  };
  IF $had != NONE { UPDATE type::record('definition_triggers', $key) SET event_names = [] RETURN NONE };
  DELETE $latest RETURN NONE;
  { found: $was != NONE, schedules: $had.schedules ?? [] }
}`,
      },
    ],
    { key: [tenant, id] },
    faults,
  );
  return Answer.parse(answers.get('definition.retire'));
}

/** @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
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
