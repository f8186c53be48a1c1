/** Which variables a part of a document may write, and which an expression mentions. */
import { isJsonObject, type Json } from '../../contracts/json.js';
import { EVENT } from './scope.js';

const cache = new WeakMap<object, ReadonlySet<string>>();
const NONE: ReadonlySet<string> = new Set();

/** Names of the variables that steps may assign, with EVENT where one waits for an event or for people. */
export function writesOf(value: Json | undefined): ReadonlySet<string> {
  if (typeof value !== 'object' || value === null) return NONE;
  const cached = cache.get(value);
  if (cached !== undefined) return cached;
  const names = new Set<string>();
  if (Array.isArray(value)) {
    for (const item of value as readonly Json[]) for (const name of writesOf(item)) names.add(name);
  } else if (isJsonObject(value)) {
    for (const [key, inner] of Object.entries(value)) {
      if (key === 'saveAs' && typeof inner === 'string') {
        names.add(rootOf(inner));
      } else if (key === 'assign' && isJsonObject(inner)) {
        for (const path of Object.keys(inner)) names.add(rootOf(path));
      } else {
        for (const name of writesOf(inner)) names.add(name);
      }
    }
    if (value['type'] === 'event.wait' || value['type'] === 'human.task') names.add(EVENT);
  }
  cache.set(value, names);
  return names;
}

function rootOf(path: string): string {
  const [first = '', second = ''] = path.split('.');
  return first === 'vars' ? second : first;
}

/** Names that may be those of variables in the text of an expression. */
export function mentionedIn(source: string): string[] {
  const names = source.match(/[\p{L}_][\p{L}\p{N}_]*/gu) ?? [];
  return [...new Set(names)].filter((name) => name !== 'vars' && name !== 'payload');
}
