/** Makes a published version the one that a start takes; follow-latest.ts has the invariants. */
import { z } from 'zod';
import type {
  DefinitionChange,
  DefinitionTriggers,
  PromotedDefinition,
} from '../../../contracts/run/projection.js';
import { SluiceError } from '../../../contracts/errors.js';
import { commit, Refusal } from '../../connection/unit-of-work.js';
import type { Writer } from '../../connection/writer.js';
import { changeVariables, FOLLOWED, Followed, followLatest, triggerVariables } from './follow-latest.js';

const Done = z.object({ done: z.boolean(), was: z.union([z.number(), z.null()]) });

/**
 * @param version must be published, with these triggers
 * @returns the version before, also where a repetition finds the change done
 * @throws SluiceError DEFINITION_VERSION_NOT_FOUND, DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function promoteDefinition(
  { database, faults }: Writer,
  definition: readonly [tenant: string, id: string],
  { version, triggers }: { readonly version: number; readonly triggers: DefinitionTriggers },
  change: DefinitionChange,
): Promise<PromotedDefinition> {
  try {
    const answers = await commit(
      database,
      [
        {
          label: 'definition.check',
          text: `{ IF (SELECT VALUE hash FROM ONLY type::record('definition', $key)) = NONE { THROW 'sluice:NO_VERSION' } }`,
        },
        {
          label: 'definition_act.read',
          text: `LET $done = (SELECT * FROM ONLY type::record('definition_act', $act_key))`,
        },
        {
          label: 'definition.highest',
          text: `LET $highest = array::max((SELECT VALUE id[2] FROM definition:[$latest[0], $latest[1]]..[$latest[0], $latest[1], ..])) ?? 0`,
        },
        // A repetition that comes after another change leaves that one.
        ...followLatest('promote', '$done = NONE', '$version < $highest'),
        { label: 'definition_act.done', text: `{ { done: $done != NONE, was: $done.was ?? NULL } }` },
      ],
      {
        key: [...definition, version],
        ...triggerVariables(definition, version, triggers),
        ...changeVariables(definition, change),
      },
      faults,
    );
    const { was } = Followed.parse(answers.get(FOLLOWED));
    const done = Done.parse(answers.get('definition_act.done'));
    return { was: done.done ? done.was : was };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new SluiceError('DEFINITION_VERSION_NOT_FOUND', `${definition[1]} has no version ${version}`);
  }
}
