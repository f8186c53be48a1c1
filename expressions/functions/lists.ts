/** Functions for lists. */
import type { FunctionEntry } from './entry.js';

export const LISTS: readonly FunctionEntry[] = [
  {
    name: 'count',
    kind: 'built-in',
    signature: '$count(list)',
    description: 'Number of elements; 0 for undefined, 1 for a single value.',
    example: { source: '$count(lines)', input: { lines: [1, 2, 3] }, result: 3 },
  },
  {
    name: 'append',
    kind: 'built-in',
    signature: '$append(a, b)',
    description: 'The elements of both lists. The helper `append(list, x)` adds one element.',
    example: { source: '$append([1, 2], [3, 4])', input: {}, result: [1, 2, 3, 4] },
  },
  {
    name: 'sort',
    kind: 'built-in',
    signature: '$sort(list, function?)',
    description: 'The sorted list. The function returns whether its first argument comes after its second.',
    example: { source: '$sort([3, 1, 2])', input: {}, result: [1, 2, 3] },
  },
  {
    name: 'reverse',
    kind: 'built-in',
    signature: '$reverse(list)',
    description: 'The list in reverse order.',
    example: { source: '$reverse([1, 2, 3])', input: {}, result: [3, 2, 1] },
  },
  {
    name: 'distinct',
    kind: 'built-in',
    signature: '$distinct(list)',
    description: 'The list without duplicates.',
    example: { source: '$distinct([1, 2, 1])', input: {}, result: [1, 2] },
  },
  {
    name: 'zip',
    kind: 'built-in',
    signature: '$zip(list, …)',
    description: 'A list of the first elements, a list of the second elements, and so on.',
    example: {
      source: '$zip([1, 2], ["a", "b"])',
      input: {},
      result: [
        [1, 'a'],
        [2, 'b'],
      ],
    },
  },
  {
    name: 'map',
    kind: 'built-in',
    signature: '$map(list, function)',
    description: 'The results of the function for each element. It gets the element, its index and the list.',
    example: { source: '$map([1, 2], function($x) { $x * 10 })', input: {}, result: [10, 20] },
  },
  {
    name: 'filter',
    kind: 'built-in',
    signature: '$filter(list, function)',
    description: 'The elements for which the function returns true.',
    example: { source: '$filter([1, 2, 3], function($x) { $x > 1 })', input: {}, result: [2, 3] },
  },
  {
    name: 'single',
    kind: 'built-in',
    signature: '$single(list, function?)',
    description:
      'The only element for which the function returns true; an error unless there is exactly one.',
    example: { source: '$single([1, 2, 3], function($x) { $x = 2 })', input: {}, result: 2 },
  },
  {
    name: 'reduce',
    kind: 'built-in',
    signature: '$reduce(list, function, start?)',
    description:
      'Combines the elements to one value: the function gets the result so far and the next element.',
    example: { source: '$reduce([1, 2, 3], function($sum, $x) { $sum + $x })', input: {}, result: 6 },
  },
];
