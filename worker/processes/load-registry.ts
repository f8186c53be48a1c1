import { type ActionRegistry, builtInActions, createActionRegistry } from '../../actions/index.js';
import type { ActionDefinition } from '../../contracts/run/action.js';
import type { SluiceConfig } from '../config/config.js';
import { loadProject } from '../config/load-project.js';

/**
 * The catalogue of a worker: the built-in actions and those that `sluice.config.ts` names.
 * @param directory where `sluice.config.ts` is looked for
 * @param more actions that are added where the file does not name them already
 * @throws SluiceError CONFIG_INVALID, NAME_RESERVED
 */
export async function loadRegistry(
  config: Pick<SluiceConfig, 'http'>,
  directory: string,
  more: readonly ActionDefinition[] = [],
): Promise<ActionRegistry> {
  const { actions, allowHosts } = await loadProject(directory);
  const http = { allowHosts: [...config.http.allowHosts, ...allowHosts] };
  const named = new Set(actions.map(nameOf));
  const missing = more.filter((action) => !named.has(nameOf(action)));
  return createActionRegistry([...builtInActions({ http }), ...actions, ...missing]);
}

const nameOf = ({ id, version }: ActionDefinition): string => `${id} ${version}`;
