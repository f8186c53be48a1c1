/**
 * Mappings and conditions made into values: the same rules in a run (workflows/) and in a trigger (ingress/).
 *
 * The caller evaluates the expressions, because only the caller knows what they see.
 */
import type { SluiceError } from '../contracts/errors.js';
import { isJsonObject, type Json } from '../contracts/json.js';

/**
 * Evaluates one expression of a mapping or a condition.
 * @param required whether undefined is the error EXPRESSION_UNDEFINED; otherwise it is null
 */
export type EvaluateExpression = (source: string, required: boolean) => Json;

/**
 * Makes a mapping into a value: literals as they are, `{$expr}` evaluated, `{$literal}` unwrapped,
 * `{$secret}` left for the activity that uses it.
 * @param required whether an expression that is the whole mapping must give a value
 * @throws SluiceError EXPRESSION_*
 */
export function evaluateMapping(mapping: Json, expression: EvaluateExpression, required = false): Json {
  if (Array.isArray(mapping)) {
    return (mapping as readonly Json[]).map((item) => evaluateMapping(item, expression));
  }
  if (!isJsonObject(mapping)) return mapping;
  if (typeof mapping['$expr'] === 'string') return expression(mapping['$expr'], required);
  if (Object.hasOwn(mapping, '$literal')) return mapping['$literal'] as Json;
  if (Object.hasOwn(mapping, '$secret')) return mapping;
  // fromEntries makes own properties, also of a key such as __proto__.
  return Object.fromEntries(
    Object.entries(mapping).map(([key, value]) => [key, evaluateMapping(value, expression)]),
  );
}

/** A bare boolean, or an expression that must give one. */
export type Condition = boolean | { readonly $expr: string };

/** Characters of a value that an error message quotes. */
const SHOWN_CHARACTERS = 100;

/**
 * Whether a condition holds.
 * @param invalid makes the error for a value that is not a boolean; it gets the start of that value as JSON
 * @throws SluiceError what `invalid` makes, EXPRESSION_*
 */
export function evaluateCondition(
  condition: Condition,
  expression: EvaluateExpression,
  invalid: (shown: string, source: string) => SluiceError,
): boolean {
  if (typeof condition === 'boolean') return condition;
  const value = expression(condition.$expr, true);
  if (typeof value === 'boolean') return value;
  throw invalid(JSON.stringify(value).slice(0, SHOWN_CHARACTERS), condition.$expr);
}
