/**
 * Parsed definitions by hash, so that a busy definition is parsed once. The hash is of the source, and a
 * published version never changes, so an entry is never stale; what a run executes comes from its own history.
 */
import type { StoredDefinition } from '../contracts/run/projection.js';
import { readDefinition } from '../definitions/index.js';

type ReadDefinition = ReturnType<typeof readDefinition>;

const MOST_ENTRIES = 200;

export interface DefinitionCache {
  /**
   * The parsed definition.
   * @throws SluiceError DEFINITION_INVALID where this worker refuses what an older one published
   */
  read(stored: StoredDefinition): ReadDefinition;
}

export function createDefinitionCache(most = MOST_ENTRIES): DefinitionCache {
  const entries = new Map<string, ReadDefinition>();
  return {
    read({ pin, source, format }) {
      const known = entries.get(pin.hash);
      const read = known ?? readDefinition(source, format);
      // Put again at the end: the first entry of a Map is then the one that was not used for longest.
      entries.delete(pin.hash);
      entries.set(pin.hash, read);
      if (entries.size > most) entries.delete(entries.keys().next().value as string);
      return read;
    },
  };
}
