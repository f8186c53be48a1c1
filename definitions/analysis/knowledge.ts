/** What a flow asks about what a document calls: actions and other definitions. */
import type { Json, JsonObject } from '../../contracts/json.js';
import type { At, Findings } from './reading.js';
import type { Shape } from './shape.js';

export interface Knowledge {
  /** The shape of what an action gives. */
  outputOf(call: JsonObject): Shape;
  /** The shape of what a child gives. */
  resultOf(call: JsonObject): Shape;
  /**
   * Checks the input of an action or of a child.
   * @param call the step, or its `compensate`, at that place
   */

  checkCall(call: JsonObject, input: Shape | undefined, at: At, findings: Findings): void;

  checkChild(call: JsonObject, input: Shape | undefined, at: At, findings: Findings): void;
  /** Checks what a trigger gives a run as its payload. */

  checkPayload(payload: Json, shape: Shape, at: At, findings: Findings): void;
}
