/**
 * Filters of an event wait: one implementation, for the workflow that decides and for tools that explain.
 */
import { z } from 'zod';
import { isJsonObject, JsonValue, type Json } from '../json.js';

export const FilterOp = z.enum([
  '=',
  '!=',
  '>',
  '>=',
  '<',
  '<=',
  'in',
  'not_in',
  'exists',
  'not_exists',
  'contains',
  'starts_with',
  'ends_with',
]);
export type FilterOp = z.infer<typeof FilterOp>;

/** A filter whose value has been evaluated (once, when the wait opened). */
export const EventFilter = z.object({ path: z.string(), op: FilterOp, value: JsonValue.optional() });
export type EventFilter = z.infer<typeof EventFilter>;

/**
 * The value at a dotted path, own keys only; numeric segments index arrays. Undefined: nothing is at the
 * path.
 */
export function valueAtPath(value: Json | undefined, path: string): Json | undefined {
  if (path === '') return value;
  let current: Json | undefined = value;
  for (const segment of path.split('.')) {
    if (Array.isArray(current)) {
      current = /^(0|[1-9]\d*)$/.test(segment) ? (current as readonly Json[])[Number(segment)] : undefined;
    } else if (isJsonObject(current) && Object.hasOwn(current, segment)) {
      current = current[segment];
    } else {
      return undefined;
    }
  }
  return current;
}

/** Deep equality of JSON values; key order does not matter. */
function jsonEquals(a: Json, b: Json): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    const [x, y] = [a as readonly Json[], b as readonly Json[]];
    return x.length === y.length && x.every((item, i) => jsonEquals(item, y[i] as Json));
  }
  if (isJsonObject(a) && isJsonObject(b)) {
    const keys = Object.keys(a);
    return (
      keys.length === Object.keys(b).length &&
      keys.every((key) => Object.hasOwn(b, key) && jsonEquals(a[key] as Json, b[key] as Json))
    );
  }
  return false;
}

const NEEDS: Readonly<Partial<Record<FilterOp, string>>> = {
  '>': 'a number or text',
  '>=': 'a number or text',
  '<': 'a number or text',
  '<=': 'a number or text',
  in: 'a list',
  not_in: 'a list',
  starts_with: 'text',
  ends_with: 'text',
};

/**
 * What an operator needs to compare with, where the value is something else; undefined: the value is fine.
 *
 * With another value the filter refuses every event, or with `not_in` none. The wait would
 * wait in vain, or take what it should not.
 */
export function unmetNeed(op: FilterOp, value: Json): string | undefined {
  const need = NEEDS[op];
  // A list without an item has nothing that an event could be in.
  if (op === 'in' && Array.isArray(value) && value.length === 0) return 'a list with an item';
  const isMet =
    need === undefined ||
    (need === 'a list' && Array.isArray(value)) ||
    (need !== 'a list' && typeof value === 'string') ||
    (need === 'a number or text' && typeof value === 'number');
  return isMet ? undefined : need;
}

/** Whether the payload passes the filter. A missing path satisfies only `!=`, `not_in` and `not_exists`. */
export function passesFilter(filter: EventFilter, payload: Json): boolean {
  const actual = valueAtPath(payload, filter.path);
  const value = filter.value ?? null;
  if (actual === undefined) return filter.op === '!=' || filter.op === 'not_in' || filter.op === 'not_exists';
  switch (filter.op) {
    case '=':
      return jsonEquals(actual, value);
    case '!=':
      return !jsonEquals(actual, value);
    case '>':
    case '>=':
    case '<':
    case '<=':
      return ordered(filter.op, actual, value);
    case 'in':
      return Array.isArray(value) && (value as readonly Json[]).some((item) => jsonEquals(actual, item));
    case 'not_in':
      return !Array.isArray(value) || !(value as readonly Json[]).some((item) => jsonEquals(actual, item));
    case 'exists':
      return true;
    case 'not_exists':
      return false;
    case 'contains':
      if (typeof actual === 'string') return typeof value === 'string' && actual.includes(value);
      return Array.isArray(actual) && (actual as readonly Json[]).some((item) => jsonEquals(item, value));
    case 'starts_with':
      return typeof actual === 'string' && typeof value === 'string' && actual.startsWith(value);
    case 'ends_with':
      return typeof actual === 'string' && typeof value === 'string' && actual.endsWith(value);
  }
}

/** Ordering works on two numbers or two strings (by UTF-16 unit); anything else does not pass. */
function ordered(op: '>' | '>=' | '<' | '<=', a: Json, b: Json): boolean {
  const comparable =
    (typeof a === 'number' && typeof b === 'number') || (typeof a === 'string' && typeof b === 'string');
  if (!comparable) return false;
  if (op === '>') return a > b;
  if (op === '>=') return a >= b;
  return op === '<' ? a < b : a <= b;
}
