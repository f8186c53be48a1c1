/**
 * A place: a step path and the indexes of the loops around it, outermost first.
 *
 * Two texts name it. `placeKey` is for machines: it is part of idempotency keys, event ids and the ids of
 * child workflows, which running runs and stored rows hold, so it never changes by a byte. `placeLabel` is
 * for people.
 */

/** The place as a part of a key: `steps[1]`, or `steps[1].body[0]/[2,0]` inside loops. */
export function placeKey(path: string, iteration: readonly number[]): string {
  return iteration.length === 0 ? path : `${path}/[${iteration.join(',')}]`;
}

/** The place as people read it: `steps[1]`, or `steps[1].body[0] [2, 0]` inside loops. */
export function placeLabel(path: string, iteration: readonly number[]): string {
  return iteration.length === 0 ? path : `${path} [${iteration.join(', ')}]`;
}

/** A place as the audit rows of events hold it: stored, so it keeps its form. */
export function placeInAudit(path: string, iteration: readonly number[]): string {
  return `${path}${iteration.length === 0 ? '' : `[${iteration.join(', ')}]`}`;
}
