/** Functions for dates. */
import type { FunctionEntry } from './entry.js';

export const DATES: readonly FunctionEntry[] = [
  {
    name: 'toMillis',
    kind: 'built-in',
    signature: '$toMillis(timestamp, picture?)',
    description: 'Milliseconds since 1970. The timestamp or the picture must have a full date and an offset.',
    example: { source: '$toMillis("2024-05-01T10:00:00Z")', input: {}, result: 1714557600000 },
  },
  {
    name: 'fromMillis',
    kind: 'built-in',
    signature: '$fromMillis(millis, picture?, offset?)',
    description:
      'An ISO timestamp, or one formatted by an XPath picture, in UTC or at an offset such as "+0200".',
    example: { source: '$fromMillis(1714557600000)', input: {}, result: '2024-05-01T10:00:00.000Z' },
  },
];
