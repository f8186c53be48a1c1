import { Context } from '@temporalio/activity';
import type { ActionDefinition } from '../../contracts/run/action.js';
import { toSluiceError } from '../../contracts/errors.js';
import { LIMITS } from '../../contracts/limits.js';
import { isMissingAction, leaveToOthers } from '../boundary/capable-workers.js';
import type { ActivityDeps } from '../boundary/deps.js';
import { refusal } from '../boundary/failures.js';

/**
 * The action with that version.
 * @throws ApplicationFailure ACTION_NOT_FOUND: retryable while another worker may have it
 */
export async function findAction(deps: ActivityDeps, id: string, version: number): Promise<ActionDefinition> {
  try {
    return deps.registry.get(id, version);
  } catch (error) {
    if (!isMissingAction(error)) throw refusal(toSluiceError(error));
    const mostMs = deps.missingActionMs ?? LIMITS.missingActionMs;
    throw await leaveToOthers(Context.current(), error, { mostMs });
  }
}
