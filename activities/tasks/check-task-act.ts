/**
 * `sluice.checkTaskAct`: what the workflow of a task can't find out: whether the answer fits its form, and
 * what counts of its actor. Reads only.
 */
import { isJsonObject } from '../../contracts/json.js';
import { outcomeOf } from '../../contracts/tasks/decide.js';
import type { Actor } from '../../contracts/tasks/act.js';
import { TaskCheck } from '../../contracts/tasks/record.js';
import { validatePayloadInBounds } from '../../definitions/index.js';
import { storeFailure } from '../boundary/failures.js';
import { parseOrRefuse } from '../boundary/parse.js';

/**
 * @param request a TaskCheck
 * @throws ApplicationFailure PAYLOAD_INVALID, CHECK_LIMIT
 */
export async function checkTaskAct(request: unknown): Promise<Actor> {
  const { tenant, form, act, proven } = parseOrRefuse(TaskCheck, request, 'The check of an act');
  try {
    if (isJsonObject(form) && outcomeOf(act) !== undefined) {
      await validatePayloadInBounds(form, act.answer ?? null, tenant);
    }
    return { account: act.actor, roles: proven ? act.roles : [], proven };
  } catch (error) {
    throw storeFailure(error);
  }
}
