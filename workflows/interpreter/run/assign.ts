import { parseAssignPath } from '../../../contracts/definition/index.js';
import type { Json } from '../../../contracts/json.js';
import type { StepContext } from './step-context.js';

/**
 * Assigns in order; later entries see earlier ones. If one fails, none has happened.
 * @throws SluiceError EXPRESSION_*, ASSIGN_INVALID, STATE_TOO_LARGE
 */
export function assignAll(context: StepContext, assign: Readonly<Record<string, Json>>): void {
  const { run, lane } = context;
  const restore = run.restorePoint(lane);
  try {
    for (const [path, mapping] of Object.entries(assign)) {
      const value = context.mapping(mapping);
      run.assign(lane, parseAssignPath(path), value);
    }
  } catch (error) {
    restore();
    throw error;
  }
}
