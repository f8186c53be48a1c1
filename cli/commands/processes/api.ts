import { makeKey } from '../../../api/index.js';
import type { Json } from '../../../contracts/json.js';
import type { Environment } from '../../../worker/config/config.js';
import { EXIT } from '../../terminal/exit-codes.js';
import type { Terminal } from '../../terminal/terminal.js';

/** `sluice api`: serves the HTTP API until SIGTERM or SIGINT. */
export async function apiCommand(env: Environment): Promise<number> {
  const [{ loadApiConfig }, { loadBridgeConfig }, { loadConfig }, { createLogger }, { runApi }] =
    await Promise.all([
      import('../../../worker/config/api-config.js'),
      import('../../../worker/config/bridge-config.js'),
      import('../../../worker/config/config.js'),
      import('../../../worker/processes/logging.js'),
      import('../../../worker/processes/run-api.js'),
    ]);
  const stop = new AbortController();
  const end = (): void => stop.abort();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, end);
  try {
    const config = loadConfig(env);
    await runApi({
      config,
      settings: await loadApiConfig(env, config),
      bridge: loadBridgeConfig(env),
      directory: process.cwd(),
      log: createLogger(config.logLevel),
      stop: stop.signal,
    });
    return EXIT.ok;
  } finally {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.removeListener(signal, end);
  }
}

export interface KeyOptions {
  readonly role: readonly string[];
  readonly tenant: readonly string[];
  readonly group?: readonly string[];
  readonly expires?: string;
}

/** `sluice api key NAME`: prints a new key and its entry for the file of SLUICE_API_KEYS_FILE. */
export function apiKeyCommand(
  terminal: Terminal,
  name: string,
  { role, tenant, group, expires }: KeyOptions,
): number {
  const { key, entry } = makeKey({
    name,
    // makeKey refuses unknown roles and invalid tenants.
    roles: role as never,
    tenants: [...tenant],
    ...(group !== undefined && { groups: [...group] }),
    ...(expires !== undefined && { expires }),
  });
  terminal.data({ key, entry: JSON.parse(JSON.stringify(entry)) as Json });
  terminal.print(`Key (not shown again): ${key}`);
  terminal.print('Add this entry to `keys` in the file of SLUICE_API_KEYS_FILE:');
  terminal.print(JSON.stringify(entry, null, 2));
  return EXIT.ok;
}
