import type { ActionRegistry } from '../actions/index.js';
import type { Definition } from '../contracts/definition/index.js';
import { SluiceError } from '../contracts/errors.js';
import { checkCatalogue, type DefinitionProblem } from '../definitions/index.js';

/**
 * Makes sure that this worker has every action that the definition calls.
 * @throws SluiceError ACTION_NOT_FOUND, whose `details.problems` lists every problem
 */
export function requireActions(registry: ActionRegistry, definition: Definition): void {
  refuseMissing(checkCatalogue(definition, { actions: registry.versions }));
}

/**
 * Refuses a definition that calls actions which this worker does not have.
 * @throws SluiceError ACTION_NOT_FOUND, whose `details.problems` lists every problem
 */
export function refuseMissing(problems: readonly DefinitionProblem[]): void {
  const [first] = problems;
  if (first === undefined) return;
  const at = first.stepPath === null ? '' : ` at ${first.stepPath}`;
  const hint = first.hint === undefined ? '' : ` (${first.hint})`;
  const more = problems.length > 1 ? `, and ${problems.length - 1} more` : '';
  throw new SluiceError('ACTION_NOT_FOUND', `${first.message}${at}${hint}${more}`, {
    details: { problems: problems.map((problem) => ({ ...problem })) },
  });
}
