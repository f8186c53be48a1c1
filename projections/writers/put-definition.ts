/**
 * Stores a published version once. It never changes; its hash says whether another one is equal. The same
 * transaction updates the trigger index to the latest version, so that an event finds by its name what it
 * starts, and never the triggers of two versions.
 */
import { z } from 'zod';
import { SluiceError } from '../../contracts/errors.js';
import type { DefinitionTriggers, PutDefinition, StoredDefinition } from '../../contracts/run/projection.js';
import type { Writer } from '../connection/writer.js';
import { TextWriter } from '../log/texts.js';
import { PLAIN } from '../values/value-seal.js';
import { commit, Refusal, type Statement } from '../connection/unit-of-work.js';

const Latest = z.object({ latest: z.boolean(), schedules: z.array(z.string()) });

// A separate statement for each: inside a block the engine forgets a LET that follows a write.
const FOLLOW_LATEST: readonly Statement[] = [
  {
    label: 'definition_latest.read',
    text: `LET $latest_now = ((SELECT VALUE version FROM ONLY type::record('definition_latest', $latest)) ?? 0) <= $row.version`,
  },
  {
    label: 'definition_triggers.read',
    text: `LET $had = (SELECT * FROM ONLY type::record('definition_triggers', $latest))`,
  },
  {
    label: 'event_trigger.remove',
    text: `IF $latest_now {
  FOR $name IN ($had.event_names ?? []) {
    LET $rows = (SELECT id FROM event_trigger:[$latest[0], $name, $latest[1]]..[$latest[0], $name, $latest[1], ..]);
    FOR $old IN $rows { IF record::id($old.id) NOT IN $trigger_ids { DELETE $old.id RETURN NONE } };
  }
}`,
  },
  {
    label: 'event_trigger.write',
    text: `IF $latest_now { FOR $t IN $triggers { UPSERT type::record('event_trigger', $t.id) SET version = $row.version, spec = $t.spec RETURN NONE } }`,
  },
  {
    label: 'definition_triggers.write',
    text: `IF $latest_now { UPSERT type::record('definition_triggers', $latest) SET version = $row.version, event_names = $event_names, schedules = array::union($had.schedules ?? [], $schedules) RETURN NONE }`,
  },
  {
    label: 'definition_latest.write',
    text: `IF $latest_now { UPSERT type::record('definition_latest', $latest) SET version = $row.version RETURN NONE }`,
  },
  {
    label: 'definition_latest.state',
    text: `{ { latest: $latest_now, schedules: IF $latest_now { array::union($had.schedules ?? [], $schedules) } ELSE { [] } } }`,
  },
];

/**
 * @returns created: false where the version exists with the same content
 * @throws SluiceError DEFINITION_CONFLICT where the version exists with another hash
 */
export async function putDefinition(
  { database, faults }: Writer,
  tenant: string,
  definition: Omit<StoredDefinition, 'publishedAt'>,
  triggers: DefinitionTriggers = { events: [], schedules: [] },
): Promise<PutDefinition> {
  const { pin } = definition;
  const texts = new TextWriter(PLAIN, tenant, 'definition');
  const row = {
    tenant,
    definition: pin.id,
    version: pin.version,
    hash: pin.hash,
    source: texts.text(definition.source),
    format: definition.format,
    published_at: new Date(),
    published_by: definition.publishedBy,
  };
  try {
    const answers = await commit(
      database,
      [
        ...texts.statements(),
        {
          label: 'definition.put',
          text: `{
  LET $id = type::record('definition', $key);
  LET $old = (SELECT hash FROM ONLY $id);
  IF $old = NONE { CREATE $id CONTENT $row RETURN NONE; true }
  ELSE IF $old.hash = $row.hash { false }
  ELSE { THROW 'sluice:OTHER_HASH:' + $old.hash }
}`,
        },
        ...FOLLOW_LATEST,
      ],
      {
        key: [tenant, pin.id, pin.version],
        latest: [tenant, pin.id],
        row,
        triggers: triggers.events.map(({ eventName, position, spec }) => ({
          id: [tenant, eventName, pin.id, position],
          spec: JSON.stringify(spec),
        })),
        trigger_ids: triggers.events.map(({ eventName, position }) => [tenant, eventName, pin.id, position]),
        event_names: [...new Set(triggers.events.map(({ eventName }) => eventName))],
        schedules: [...triggers.schedules],
        ...texts.variables(),
      },
      faults,
    );
    return {
      created: z.boolean().parse(answers.get('definition.put')),
      ...Latest.parse(answers.get('definition_latest.state')),
    };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new SluiceError(
      'DEFINITION_CONFLICT',
      `${pin.id} version ${pin.version} is published with other content (sha-256 ${error.detail}, now ${pin.hash})`,
      { details: { id: pin.id, version: pin.version, published: error.detail, offered: pin.hash } },
    );
  }
}
