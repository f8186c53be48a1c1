/** Checks that the catalogue of this worker has every action that a definition calls. */
import type { Definition } from '../contracts/definition/index.js';
import { ActionId } from '../contracts/definition/names.js';
import { isJsonObject, type Json, type JsonObject } from '../contracts/json.js';
import { nearNames } from '../contracts/near.js';
import type { Catalogue } from './known.js';
import { type Finding, meantHint, placed } from './source/finding.js';
import type { DefinitionProblem } from './source/problem.js';
import type { DocumentPath, Source } from './source/source.js';
import { findSteps, type FoundStep } from './rules/walk.js';

/**
 * Finds actions and versions that the catalogue does not have, with similar ones as hints.
 * @param source the source of the definition; without it, problems have neither line nor column
 * @returns empty if the catalogue has every action that the definition calls
 */
export function checkCatalogue(
  definition: Definition,
  catalogue: Catalogue,
  source?: Source,
): readonly DefinitionProblem[] {
  // A definition is JSON; its type is only narrower.
  const steps = [...findSteps(definition as unknown as Json)];
  return placed(
    steps.flatMap((step) => catalogueFindings(step, catalogue)),
    source,
  );
}

/** The actions of one step that the catalogue does not have. */
export function catalogueFindings(
  { value, path, stepPath, type }: FoundStep,
  catalogue: Catalogue,
): Finding[] {
  if (!isJsonObject(value) || type !== 'action.call') return [];
  const compensate = value['compensate'];
  return [
    ...callFindings(value, catalogue, path, stepPath),
    ...(isJsonObject(compensate)
      ? callFindings(compensate, catalogue, [...path, 'compensate'], stepPath)
      : []),
  ];
}

function callFindings(
  call: JsonObject,
  { actions }: Catalogue,
  path: DocumentPath,
  stepPath: string,
): Finding[] {
  const { action, version } = call;
  // An invalid id is reported as a problem of the shape.
  if (!ActionId.safeParse(action).success || typeof action !== 'string') return [];
  const versions = actions.get(action);
  if (versions === undefined) {
    return [
      {
        code: 'ACTION_UNKNOWN',
        message: `there is no action "${action}"`,
        stepPath,
        path: [...path, 'action'],
        hint:
          meantHint(nearNames(action, actions.keys())) ?? 'register it in a module named by sluice.config.ts',
      },
    ];
  }
  if (typeof version !== 'number' || versions.includes(version)) return [];
  return [
    {
      code: 'ACTION_VERSION_UNKNOWN',
      message: `the action "${action}" has no version ${version}`,
      stepPath,
      path: [...path, 'version'],
      hint: `it has ${versions.length === 1 ? 'version' : 'versions'} ${versions.join(', ')}`,
    },
  ];
}
