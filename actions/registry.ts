/**
 * The catalogue of actions that a worker can run.
 *
 * Invariants
 * - An (id, version) names at most one action: a second one throws when the registry is made, not when a
 *   step runs.
 * - Look-up is by the names that were registered and nothing else: `constructor` finds nothing, because the
 *   tables are Maps.
 * - No action can take one of Sluice's own activity names.
 */
import type { ActionDefinition } from '../contracts/action.js';
import { SluiceError } from '../contracts/errors.js';
import { RESERVED_PREFIX } from '../contracts/messages.js';
import { didYouMean } from '../contracts/near.js';

/** Looks up actions; every method that takes an unknown name throws ACTION_NOT_FOUND with the near ones. */
export interface ActionRegistry {
  /** The action of that id and version. */
  get(id: string, version: number): ActionDefinition;
  /** The action's newest version. */
  latest(id: string): ActionDefinition;
  /** True where the id, and the version if one is given, is registered. */
  has(id: string, version?: number): boolean;
  /** Ids, sorted. */
  readonly ids: readonly string[];
  /** Every action, by id and version. */
  readonly actions: readonly ActionDefinition[];
}

/**
 * Makes the catalogue.
 * @throws SluiceError CONFIG_INVALID where two actions have the same id and version, NAME_RESERVED
 */
export function createActionRegistry(actions: Iterable<ActionDefinition>): ActionRegistry {
  const byId = new Map<string, Map<number, ActionDefinition>>();
  for (const action of actions) {
    if (action.id.startsWith(RESERVED_PREFIX)) {
      throw new SluiceError('NAME_RESERVED', `The action "${action.id}" uses the prefix ${RESERVED_PREFIX}`);
    }
    const versions = byId.get(action.id) ?? new Map<number, ActionDefinition>();
    if (versions.has(action.version)) {
      throw new SluiceError(
        'CONFIG_INVALID',
        `The action "${action.id}" version ${action.version} is registered twice`,
      );
    }
    versions.set(action.version, action);
    byId.set(action.id, versions);
  }
  const ids = [...byId.keys()].sort();

  const versionsOf = (id: string): ReadonlyMap<number, ActionDefinition> => {
    const versions = byId.get(id);
    if (versions !== undefined) return versions;
    throw new SluiceError('ACTION_NOT_FOUND', `No action "${id}"${didYouMean(id, ids)}`);
  };

  return {
    ids,
    actions: ids.flatMap((id) => [...versionsOf(id).values()].sort((a, b) => a.version - b.version)),
    has: (id, version) => {
      const versions = byId.get(id);
      return versions !== undefined && (version === undefined || versions.has(version));
    },
    get(id, version) {
      const versions = versionsOf(id);
      const action = versions.get(version);
      if (action !== undefined) return action;
      const known = [...versions.keys()].sort((a, b) => a - b).join(', ');
      throw new SluiceError(
        'ACTION_NOT_FOUND',
        `The action "${id}" has no version ${version}; there is ${known}`,
      );
    },
    latest(id) {
      const versions = versionsOf(id);
      return versions.get(Math.max(...versions.keys())) as ActionDefinition;
    },
  };
}
