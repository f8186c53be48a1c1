/**
 * Definitions as the interpreter reads them, worked out of documents once for each isolate: the runs of one
 * definition share the same one (workflows/preload.ts).
 *
 * Invariants
 * - What a run gets is a function of the document in its own history, and of nothing else: the whole document is the
 *   key, so that full and empty give the same.
 * - Nobody changes what is shared: it is frozen.
 * - It keeps a bounded number of characters; the oldest goes first.
 */
import { Definition } from '../../../contracts/definition/index.js';
import { SluiceError } from '../../../contracts/errors.js';

const MOST_CHARACTERS = 8 * 1024 * 1024;

const known = new Map<string, Definition>();
let characters = 0;

/**
 * The definition that a stored document is.
 * @throws SluiceError DEFINITION_INVALID
 */
export function definitionOf(document: unknown): Definition {
  const text = JSON.stringify(document);
  const same = known.get(text);
  if (same !== undefined) return same;
  const parsed = Definition.safeParse(document);
  if (!parsed.success) {
    const first = parsed.error.issues[0];
    throw new SluiceError(
      'DEFINITION_INVALID',
      `The stored definition does not parse: ${first?.path.join('.')}: ${first?.message}`,
    );
  }
  freeze(parsed.data);
  known.set(text, parsed.data);
  characters += text.length;
  for (const oldest of known.keys()) {
    if (characters <= MOST_CHARACTERS) break;
    known.delete(oldest);
    characters -= oldest.length;
  }
  return parsed.data;
}

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  Object.freeze(value);
  for (const inner of Object.values(value)) freeze(inner);
}
