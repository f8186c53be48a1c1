/** Evaluation for tests: one call, a fixed time, and an outcome that is easy to compare. */
import { SluiceError } from '../../../contracts/errors.js';
import type { Json, JsonObject } from '../../../contracts/json.js';
import { evaluate } from '../../../expressions/index.js';
import type { EvaluationOptions } from '../../../expressions/index.js';

/** 2024-05-01T10:00:00Z, the time of the examples in the catalogue. */
const NOW_MS = 1_714_557_600_000;

/** The value of an expression. */
export const value = (
  source: string,
  root: JsonObject = {},
  bindings: Record<string, Json> = {},
  options: EvaluationOptions = {},
): Json => evaluate(source, { root, bindings, nowMs: NOW_MS }, options);

/** The error of an expression. @throws Error if the expression has a result */
export function failure(
  source: string,
  root: JsonObject = {},
  bindings: Record<string, Json> = {},
  options: EvaluationOptions = {},
): SluiceError {
  try {
    const result = value(source, root, bindings, options);
    throw new Error(`${source.slice(0, 200)} gave ${JSON.stringify(result)}`);
  } catch (error) {
    if (error instanceof SluiceError) return error;
    throw error;
  }
}
