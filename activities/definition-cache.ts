/**
 * Parsed definitions by hash, so that a busy definition is parsed once. The hash covers the source, and a
 * published version never changes, so no entry is ever stale. A run executes the document in its history.
 */
import type { StoredDefinition } from '../contracts/run/projection.js';
import { readStoredInBounds } from '../definitions/index.js';

type ReadDefinition = Awaited<ReturnType<typeof readStoredInBounds>>;

const MOST_ENTRIES = 200;

export interface DefinitionCache {
  /**
   * The parsed definition.
   * @throws SluiceError DEFINITION_INVALID if this worker refuses what an older one published; CHECK_LIMIT
   */
  read(tenant: string, stored: StoredDefinition): Promise<ReadDefinition>;
}

export function createDefinitionCache(most = MOST_ENTRIES): DefinitionCache {
  const entries = new Map<string, ReadDefinition>();
  return {
    async read(tenant, { pin, source, format }) {
      const read = entries.get(pin.hash) ?? (await readStoredInBounds(source, format, tenant));
      // Moved to the end, so that the first entry of the Map is the least recently used.
      entries.delete(pin.hash);
      entries.set(pin.hash, read);
      if (entries.size > most) entries.delete(entries.keys().next().value as string);
      return read;
    },
  };
}
