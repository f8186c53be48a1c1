import { parseAssignPath } from '../../../contracts/definition/index.js';
import type { Json } from '../../../contracts/json.js';
import type { Lane } from '../lane/lane.js';
import type { Run } from '../run/run.js';

/**
 * Assigns in order; later entries see earlier ones. All or nothing: where one fails, none has happened.
 * @throws SluiceError EXPRESSION_*, ASSIGN_INVALID, STATE_TOO_LARGE
 */
export function assignAll(run: Run, lane: Lane, assign: Readonly<Record<string, Json>>, at: string): void {
  const undo = run.savepoint(lane);
  try {
    for (const [path, mapping] of Object.entries(assign)) {
      const value = run.evaluator.mapping(lane, mapping, at);
      run.assign(lane, parseAssignPath(path), value);
    }
  } catch (error) {
    undo();
    throw error;
  }
}
