/**
 * The one reader of JSON texts from outside: API, bridge, streams, CLI, and answers of `http.request`.
 *
 * Invariant: an object names each key once. `JSON.parse` keeps the last of two, while another reader of the
 * same text (a gateway, a filter, the sender) may look at the first: then what was checked is not what runs.
 *
 * Not recursive: a text of any depth is read.
 */
import type { Json } from '../json.js';
import { jsonFaults, pointerText, type JsonFault } from './json-faults.js';

/** Duplicates that are listed. */
const MOST_DUPLICATES = 20;

/** A text as a value, with what Sluice cannot take of it as it was sent. */
export interface ParsedJson {
  readonly value: Json;
  /** Keys that are there twice. */
  readonly duplicates: readonly JsonFault[];
  /** All faults: the duplicates, and those of the value. */
  readonly faults: readonly JsonFault[];
}

/**
 * Reads a JSON text.
 * @throws SyntaxError if it is not JSON
 */
export function parseJson(text: string): ParsedJson {
  const value = JSON.parse(text) as Json;
  const duplicates = duplicateKeys(text);
  return { value, duplicates, faults: [...duplicates, ...jsonFaults(value)] };
}

/** An open object or list: its position in its parent, and the keys of an object. */
interface Open {
  readonly keys: Set<string> | undefined;
  at: string | number;
}

/** A text in quotes, or a character of structure; everything else of a JSON text is of no interest here. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]/g;

/**
 * The places of repeated keys.
 * @param text that is JSON
 */
function duplicateKeys(text: string): JsonFault[] {
  const open: Open[] = [];
  const found: JsonFault[] = [];
  let keyNext = false;
  for (const [token] of text.matchAll(TOKEN)) {
    const here = open.at(-1);
    if (token === '{' || token === '[') {
      open.push({ keys: token === '{' ? new Set() : undefined, at: 0 });
      keyNext = token === '{';
    } else if (token === '}' || token === ']') {
      open.pop();
      keyNext = false;
    } else if (token === ',') {
      keyNext = here?.keys !== undefined;
      if (typeof here?.at === 'number') here.at++;
    } else if (token !== ':' && keyNext && here?.keys !== undefined) {
      keyNext = false;
      // The same key may be written in several ways: "a" is "\u0061".
      const key = JSON.parse(token) as string;
      here.at = key;
      if (here.keys.has(key)) {
        found.push({
          pointer: pointerText(open.map(({ at }) => at)),
          message: 'is a key that is there twice',
        });
        if (found.length === MOST_DUPLICATES) return found;
      }
      here.keys.add(key);
    }
  }
  return found;
}
