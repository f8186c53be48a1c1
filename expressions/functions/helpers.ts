/** Sluice's functions; ../engine/helpers.ts implements them. */
import type { FunctionEntry } from './entry.js';

export const HELPER_ENTRIES: readonly FunctionEntry[] = [
  {
    name: 'nowIso',
    kind: 'helper',
    signature: 'nowIso()',
    description: 'The current time as an ISO instant; in a workflow, workflow time.',
    example: { source: 'nowIso()', input: {}, result: '2024-05-01T10:00:00.000Z' },
  },
  {
    name: 'coalesce',
    kind: 'helper',
    signature: 'coalesce(value, …)',
    description: 'The first value that is neither null nor undefined, else null.',
    example: {
      source: 'coalesce(nickname, name, "?")',
      input: { nickname: null, name: 'Ada' },
      result: 'Ada',
    },
  },
  {
    name: 'len',
    kind: 'helper',
    signature: 'len(value)',
    description: 'Length of a text or a list; 0 for null and undefined; an error for any other value.',
    example: { source: 'len(lines)', input: { lines: [1, 2, 3] }, result: 3 },
  },
  {
    name: 'toString',
    kind: 'helper',
    signature: 'toString(value)',
    description: 'Any value as text: "" for null and undefined, JSON for objects and lists.',
    example: { source: 'toString({"a": 1})', input: {}, result: '{"a":1}' },
  },
  {
    name: 'append',
    kind: 'helper',
    signature: 'append(list, value)',
    description:
      'The list with the value added as one element, even if the value is a list. Null and undefined count as empty lists.',
    example: { source: 'append(tags, ["b", "c"])', input: { tags: ['a'] }, result: ['a', ['b', 'c']] },
  },
  {
    name: 'dateAdd',
    kind: 'helper',
    signature: 'dateAdd(instant, duration, zone?)',
    description:
      'An ISO instant plus an ISO 8601 duration. Days and longer units count on the wall clock of the IANA zone (default UTC).',
    example: {
      source: 'dateAdd("2024-03-30T09:00:00Z", "P1D", "Europe/Paris")',
      input: {},
      result: '2024-03-31T08:00:00.000Z',
    },
  },
  {
    name: 'dateDiff',
    kind: 'helper',
    signature: 'dateDiff(from, to, unit?, zone?)',
    description:
      'The difference of two instants: an ISO 8601 duration of days and time, or with a unit (milliseconds to years) a whole number.',
    example: {
      source: 'dateDiff("2024-03-01T00:00:00Z", "2024-05-15T00:00:00Z", "months")',
      input: {},
      result: 2,
    },
  },
];
