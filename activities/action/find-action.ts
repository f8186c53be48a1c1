import type { ActionDefinition } from '../../contracts/run/action.js';
import { toSluiceError } from '../../contracts/errors.js';
import type { ActivityDeps } from '../boundary/deps.js';
import { refusal } from '../boundary/failures.js';

/**
 * The action with that version.
 * @throws ApplicationFailure ACTION_NOT_FOUND
 */
export function findAction(deps: ActivityDeps, id: string, version: number): ActionDefinition {
  try {
    return deps.registry.get(id, version);
  } catch (error) {
    throw refusal(toSluiceError(error));
  }
}
