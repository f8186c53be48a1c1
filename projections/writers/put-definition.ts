/** Stores a published version once. It never changes: its hash decides whether it is the same. */
import { z } from 'zod';
import { SluiceError } from '../../contracts/errors.js';
import type { StoredDefinition } from '../../contracts/projection.js';
import type { Writer } from '../writer.js';
import { TextWriter } from '../texts.js';
import { commit, Refusal } from '../unit-of-work.js';

/**
 * @returns created: false where the same content was there already
 * @throws SluiceError DEFINITION_CONFLICT where the version exists with another hash
 */
export async function putDefinition(
  { database, faults }: Writer,
  tenant: string,
  definition: Omit<StoredDefinition, 'publishedAt'>,
): Promise<{ readonly created: boolean }> {
  const { pin } = definition;
  const texts = new TextWriter(tenant, 'definition');
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
  IF $old = NONE { CREATE $id CONTENT $row RETURN NONE; UPSERT type::record('definition_latest', $latest) SET version = math::max([version ?? 0, $row.version]) RETURN NONE; true }
  ELSE IF $old.hash = $row.hash { false }
  ELSE { THROW 'sluice:OTHER_HASH:' + $old.hash }
}`,
        },
      ],
      { key: [tenant, pin.id, pin.version], latest: [tenant, pin.id], row, ...texts.variables() },
      faults,
    );
    return { created: z.boolean().parse(answers.get('definition.put')) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new SluiceError(
      'DEFINITION_CONFLICT',
      `${pin.id} version ${pin.version} is published with other content (sha-256 ${error.detail}, now ${pin.hash})`,
      { details: { id: pin.id, version: pin.version, published: error.detail, offered: pin.hash } },
    );
  }
}
