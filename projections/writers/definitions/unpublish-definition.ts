/**
 * Unpublishes a definition: removes its latest version and triggers, and says who did it. Its versions stay
 * for the runs pinned to them.
 */
import { z } from 'zod';
import type { DefinitionChange, UnpublishedDefinition } from '../../../contracts/run/projection.js';
import { commit } from '../../connection/unit-of-work.js';
import type { Writer } from '../../connection/writer.js';
import { changeVariables } from './follow-latest.js';

const Unpublished = z.object({ found: z.boolean(), schedules: z.array(z.string()) });

/**
 * @returns found: false where nothing was published; schedules: ids of the Temporal Schedules that are left
 *   to delete
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function unpublishDefinition(
  { database, faults }: Writer,
  tenant: string,
  id: string,
  change: DefinitionChange,
): Promise<UnpublishedDefinition> {
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
  IF $was != NONE { CREATE type::record('definition_act', $act_key) SET kind = 'unpublish', was = $was.version, by = $by, at = $at RETURN NONE };
  DELETE $latest RETURN NONE;
  { found: $was != NONE, schedules: $had.schedules ?? [] }
}`,
      },
    ],
    { key: [tenant, id], ...changeVariables([tenant, id], change) },
    faults,
  );
  return Unpublished.parse(answers.get('definition.retire'));
}
