/**
 * The catalogue of functions: an expression may call these and no others. It fills the frame that expressions
 * run in, the check at publish reads it, and `sluice functions` prints it.
 */
import { DATES } from './dates.js';
import type { FunctionEntry } from './entry.js';
import { HELPER_ENTRIES } from './helpers.js';
import { LISTS } from './lists.js';
import { LOGIC } from './logic.js';
import { NUMBERS } from './numbers.js';
import { OBJECTS } from './objects.js';
import { TEXT } from './text.js';

/** The functions that an expression may call. */
export const FUNCTIONS: readonly FunctionEntry[] = [
  ...HELPER_ENTRIES,
  ...TEXT,
  ...NUMBERS,
  ...LISTS,
  ...OBJECTS,
  ...LOGIC,
  ...DATES,
];

export const BUILT_IN_NAMES: readonly string[] = FUNCTIONS.filter((f) => f.kind === 'built-in').map(
  (f) => f.name,
);

/** The names of all functions. */
export const FUNCTION_NAMES: ReadonlySet<string> = new Set(FUNCTIONS.map((f) => f.name));

/** JSONata's functions that are refused, each with what to use instead. */
export const REFUSED: ReadonlyMap<string, string> = new Map([
  ['eval', 'Write the expression itself; to choose a field by name use $lookup.'],
  ['random', 'Draw the number in an action: its result is recorded.'],
  ['shuffle', 'Shuffle in an action, or use $sort for a fixed order.'],
  ['now', 'Use nowIso().'],
  ['millis', 'Use $toMillis(nowIso()).'],
]);

/** The function whose name is most similar to an unknown one; undefined if none is similar. */
export function nearestFunction(name: string): FunctionEntry | undefined {
  let best: FunctionEntry | undefined;
  let least = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const entry of FUNCTIONS) {
    const distance = editDistance(name.toLowerCase().slice(0, 40), entry.name.toLowerCase());
    if (distance < least) {
      least = distance;
      best = entry;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(
        (row[j] as number) + 1,
        (next[j - 1] as number) + 1,
        (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
    }
    row = next;
  }
  return row[b.length] as number;
}
