/** Functions for conditions, types and errors. */
import type { FunctionEntry } from './entry.js';

export const LOGIC: readonly FunctionEntry[] = [
  {
    name: 'boolean',
    kind: 'built-in',
    signature: '$boolean(value)',
    description: 'Whether a value counts as true: it is not empty, zero or null.',
    example: { source: '$boolean("x")', input: {}, result: true },
  },
  {
    name: 'not',
    kind: 'built-in',
    signature: '$not(value)',
    description: 'The opposite of $boolean.',
    example: { source: '$not(0)', input: {}, result: true },
  },
  {
    name: 'exists',
    kind: 'built-in',
    signature: '$exists(value)',
    description: 'Whether a value exists; null exists.',
    example: { source: '$exists(missing)', input: {}, result: false },
  },
  {
    name: 'type',
    kind: 'built-in',
    signature: '$type(value)',
    description: 'The type of a value: null, number, string, boolean, array, object or function.',
    example: { source: '$type([1])', input: {}, result: 'array' },
  },
  {
    name: 'error',
    kind: 'built-in',
    signature: '$error(message?)',
    description: 'Fails with EXPRESSION_TYPE and the message.',
    example: { source: 'ok ? 1 : $error("not ok")', input: { ok: true }, result: 1 },
  },
  {
    name: 'assert',
    kind: 'built-in',
    signature: '$assert(condition, message?)',
    description: 'Fails with EXPRESSION_TYPE and the message unless the condition is true.',
    example: { source: '($assert(total > 0, "empty"); total)', input: { total: 5 }, result: 5 },
  },
];
