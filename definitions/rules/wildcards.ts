/** Wildcards in the name of an event: names match as a whole, so a wait or trigger with one gets nothing. */

export const WILDCARD = 'eventName must not have *: a name matches as a whole';
export const WILDCARD_HINT = 'name each event, or put what varies into the payload and filter on it';

/** Whether the name of an event reads as a pattern. */
export function hasWildcard(name: string): boolean {
  return name.includes('*');
}
