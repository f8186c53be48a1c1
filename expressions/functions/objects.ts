/** Functions for objects. */
import type { FunctionEntry } from './entry.js';

export const OBJECTS: readonly FunctionEntry[] = [
  {
    name: 'keys',
    kind: 'built-in',
    signature: '$keys(object)',
    description: 'The keys of an object, or of all objects in a list.',
    example: { source: '$keys({"a": 1, "b": 2})', input: {}, result: ['a', 'b'] },
  },
  {
    name: 'lookup',
    kind: 'built-in',
    signature: '$lookup(object, name)',
    description: 'The value of a key.',
    example: { source: '$lookup(prices, "tea")', input: { prices: { tea: 3 } }, result: 3 },
  },
  {
    name: 'spread',
    kind: 'built-in',
    signature: '$spread(object)',
    description: 'A list with one object for each key.',
    example: { source: '$spread({"a": 1, "b": 2})', input: {}, result: [{ a: 1 }, { b: 2 }] },
  },
  {
    name: 'merge',
    kind: 'built-in',
    signature: '$merge(objects)',
    description: 'Merges objects into one; later keys override earlier ones.',
    example: { source: '$merge([{"a": 1}, {"b": 2}])', input: {}, result: { a: 1, b: 2 } },
  },
  {
    name: 'sift',
    kind: 'built-in',
    signature: '$sift(object, function)',
    description:
      'The entries for which the function returns true. It gets the value, the key and the object.',
    example: { source: '$sift({"a": 1, "b": 2}, function($v) { $v > 1 })', input: {}, result: { b: 2 } },
  },
  {
    name: 'each',
    kind: 'built-in',
    signature: '$each(object, function)',
    description: 'The results of the function for each value and key.',
    example: {
      source: '$each({"a": 1, "b": 2}, function($v, $k) { $k & $v })',
      input: {},
      result: ['a1', 'b2'],
    },
  },
  {
    name: 'clone',
    kind: 'built-in',
    signature: '$clone(value)',
    description: 'A copy of an object or a list.',
    example: { source: '$clone({"a": 1})', input: {}, result: { a: 1 } },
  },
];
