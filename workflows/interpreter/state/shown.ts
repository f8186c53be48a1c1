import type { Json } from '../../../contracts/json.js';

/** Characters of a value that an error message quotes. */
const SHOWN_CHARACTERS = 100;

/** The start of a value as JSON, for an error message. */
export function shown(value: Json): string {
  return JSON.stringify(value).slice(0, SHOWN_CHARACTERS);
}
