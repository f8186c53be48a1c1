import { type ActionRegistry, builtInActions, createActionRegistry } from '../actions/index.js';
import type { SluiceConfig } from './config.js';
import { loadProject } from './load-project.js';

/**
 * The catalogue of a worker: the built-in actions and those that `sluice.config.ts` names.
 * @param directory where `sluice.config.ts` is looked for
 * @throws SluiceError CONFIG_INVALID, NAME_RESERVED
 */
export async function loadRegistry(
  config: Pick<SluiceConfig, 'http'>,
  directory: string,
): Promise<ActionRegistry> {
  const { actions, allowHosts } = await loadProject(directory);
  const http = { allowHosts: [...config.http.allowHosts, ...allowHosts] };
  return createActionRegistry([...builtInActions({ http }), ...actions]);
}
