/**
 * The catalogue of actions that a worker can run.
 *
 * Invariants
 * - An (id, version) names at most one action: a duplicate throws when the registry is created, not when a
 *   step runs.
 * - Look-ups find registered names only: `constructor` finds nothing, because the tables are Maps.
 * - No action can have the name of one of Sluice's activities.
 */
import type { ActionDefinition } from '../../contracts/run/action.js';
import { SluiceError } from '../../contracts/errors.js';
import { RESERVED_PREFIX } from '../../contracts/run/messages.js';
import { didYouMean } from '../../contracts/near.js';

/** Looks up actions; an unknown name throws ACTION_NOT_FOUND, which suggests similar names. */
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
 * Creates the catalogue.
 * @throws SluiceError CONFIG_INVALID if two actions have the same id and version, NAME_RESERVED
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
      .map(([id, byVersion]) => [id, [...byVersion.keys()].sort((a, b) => a - b)] as const),
  );

  const get = (id: string, version: number | undefined): ActionDefinition => {
    const published = versions.get(id);
    if (published === undefined) {
      throw new SluiceError('ACTION_NOT_FOUND', `No action "${id}"${didYouMean(id, versions.keys())}`);
    }
    const action = byId.get(id)?.get(version ?? Math.max(...published));
    if (action !== undefined) return action;
    throw new SluiceError(
      'ACTION_NOT_FOUND',
      `The action "${id}" has no version ${version}; there is ${published.join(', ')}`,
    );
  };

  return {
    versions,
    actions: [...versions].flatMap(([id, numbers]) => numbers.map((version) => get(id, version))),
    get,
    latest: (id) => get(id, undefined),
  };
}
