import { type ActionRegistry, builtInActions, createActionRegistry } from '../../actions/index.js';
import type { ActionDefinition } from '../../contracts/run/action.js';
import type { SluiceConfig } from '../config/config.js';
import { loadProject } from '../config/load-project.js';

/**
 * Loads the actions of a worker: the built-in ones and those that `sluice.config.ts` names.
 * @param directory the directory of `sluice.config.ts`
 * @param more actions that are added unless the file names them
 * @throws SluiceError CONFIG_INVALID, NAME_RESERVED
 */
export async function loadRegistry(
  config: Pick<SluiceConfig, 'http'>,
  directory: string,
  more: readonly ActionDefinition[] = [],
): Promise<ActionRegistry> {
  const { actions, allowHosts } = await loadProject(directory);
  const http = { allowHosts: [...config.http.allowHosts, ...allowHosts] };
  const loaded = new Set(actions.map(keyOf));
  const missing = more.filter((action) => !loaded.has(keyOf(action)));
  return createActionRegistry([...builtInActions({ http }), ...actions, ...missing]);
}

const keyOf = ({ id, version }: ActionDefinition): string => `${id} ${version}`;
