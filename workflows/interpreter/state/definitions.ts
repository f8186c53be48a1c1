/**
 * A cache of parsed definitions, one for each isolate: all runs of a definition share the same object
 * (workflows/preload.ts).
 *
 * Invariants
 * - What a run gets is a function of the document in its own history, and of nothing else: the whole document
 *   is the key, so that a full cache and an empty one give the same answer.
 * - Shared definitions never change: they are frozen.
 * - The cache keeps a bounded number of characters; the oldest definition goes first.
 */
import { Definition } from '../../../contracts/definition/index.js';
import { SluiceError } from '../../../contracts/errors.js';

const CACHE_CHARACTERS = 8 * 1024 * 1024;

const cache = new Map<string, Definition>();
let characters = 0;

/**
 * Parses a stored document.
 * @param document the document as JSON
 * @throws SluiceError DEFINITION_INVALID
 */
export function definitionOf(document: unknown): Definition {
  const text = JSON.stringify(document);
  const cached = cache.get(text);
  if (cached !== undefined) return cached;
  const parsed = Definition.safeParse(document);
  if (!parsed.success) {
    const first = parsed.error.issues[0];
    throw new SluiceError(
      'DEFINITION_INVALID',
      `The stored definition does not parse: ${first?.path.join('.')}: ${first?.message}`,
    );
  }
  freeze(parsed.data);
  cache.set(text, parsed.data);
  characters += text.length;
  for (const oldest of cache.keys()) {
    if (characters <= CACHE_CHARACTERS) break;
    cache.delete(oldest);
    characters -= oldest.length;
  }
  return parsed.data;
}

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  Object.freeze(value);
  for (const inner of Object.values(value)) freeze(inner);
}
