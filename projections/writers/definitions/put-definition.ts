/**
 * Stores a published version once. It never changes; its hash says whether another one is equal. The same
 * transaction makes it the version that a start takes (follow-latest.ts), unless a higher one is published,
 * or another one was promoted and this one is not new.
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { SluiceError } from '../../../contracts/errors.js';
import type {
  DefinitionOperation,
  DefinitionTriggers,
  PutDefinition,
  StoredDefinition,
} from '../../../contracts/run/projection.js';
import type { Writer } from '../../connection/writer.js';
import { TextWriter } from '../../log/texts.js';
import { PLAIN } from '../../values/value-seal.js';
import { commit, Refusal } from '../../connection/unit-of-work.js';
import { changeVariables, FOLLOWED, Followed, followLatest, triggerVariables } from './follow-latest.js';

/** Whether a published version becomes the one that a start takes. */
const FOLLOWS = `($had_latest.version ?? 0) <= $version AND ($old = NONE OR $had_latest.promoted != true)`;

/**
 * @returns created: false where the version exists with the same content
 * @throws SluiceError DEFINITION_CONFLICT where the version exists with another hash
 */
export async function putDefinition(
  { database, faults }: Writer,
  tenant: string,
  definition: Omit<StoredDefinition, 'publishedAt'> & { readonly operation?: DefinitionOperation },
  triggers: DefinitionTriggers = { events: [], schedules: [] },
): Promise<PutDefinition> {
  const { pin, publishedBy, operation = { at: new Date(), operation: randomUUID() } } = definition;
  const texts = new TextWriter(PLAIN, tenant, 'definition');
  const row = {
    tenant,
    definition: pin.id,
    version: pin.version,
    hash: pin.hash,
    source: texts.text(definition.source),
    format: definition.format,
    published_at: new Date(),
    published_by: publishedBy,
  };
  try {
    const answers = await commit(
      database,
      [
        ...texts.statements(),
        {
          label: 'definition.read',
          text: `LET $old = (SELECT hash FROM ONLY type::record('definition', $key))`,
        },
        {
          label: 'definition.put',
          text: `{
  IF $old = NONE { CREATE type::record('definition', $key) CONTENT $row RETURN NONE; true }
  ELSE IF $old.hash = $row.hash { false }
  ELSE { THROW 'sluice:OTHER_HASH:' + $old.hash }
}`,
        },
        ...followLatest('publish', FOLLOWS, 'false'),
      ],
      {
        key: [tenant, pin.id, pin.version],
        row,
        ...triggerVariables([tenant, pin.id], pin.version, triggers),
        ...changeVariables([tenant, pin.id], { ...operation, by: publishedBy }),
        ...texts.variables(),
      },
      faults,
    );
    const followed = Followed.parse(answers.get(FOLLOWED));
    return {
      created: z.boolean().parse(answers.get('definition.put')),
      latest: followed.latest,
      schedules: followed.schedules,
      taken: followed.latest ? pin.version : followed.was,
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
