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
import type { ActionDefinition } from '../../contracts/run/action.js';
import { SluiceError } from '../../contracts/errors.js';
import { RESERVED_PREFIX } from '../../contracts/run/messages.js';
import { didYouMean } from '../../contracts/near.js';

/** Looks up actions; every method that takes an unknown name throws ACTION_NOT_FOUND with the near ones. */
export interface ActionRegistry {
  /** The action of that id and version. */
  get(id: string, version: number): ActionDefinition;
  /** The action's newest version. */
  latest(id: string): ActionDefinition;
  /** Id → versions, both sorted. */
  readonly versions: ReadonlyMap<string, readonly number[]>;
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
    const sameId = byId.get(action.id) ?? new Map<number, ActionDefinition>();
    if (sameId.has(action.version)) {
      throw new SluiceError(
        'CONFIG_INVALID',
        `The action "${action.id}" version ${action.version} is registered twice`,
      );
    }
    sameId.set(action.version, action);
    byId.set(action.id, sameId);
  }
  const versions = new Map(
    [...byId]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, actions]) => [id, [...actions.keys()].sort((a, b) => a - b)] as const),
  );

  const get = (id: string, version: number | undefined): ActionDefinition => {
    const known = versions.get(id);
    if (known === undefined) {
      throw new SluiceError('ACTION_NOT_FOUND', `No action "${id}"${didYouMean(id, versions.keys())}`);
    }
    const action = byId.get(id)?.get(version ?? Math.max(...known));
    if (action !== undefined) return action;
    throw new SluiceError(
      'ACTION_NOT_FOUND',
      `The action "${id}" has no version ${version}; there is ${known.join(', ')}`,
    );
  };

  return {
    versions,
    actions: [...versions].flatMap(([id, known]) => known.map((version) => get(id, version))),
    get,
    latest: (id) => get(id, undefined),
  };
}
