import { createLogger } from '../../../worker/processes/logging.js';
import { loadBridgeConfig } from '../../../worker/config/bridge-config.js';
import { loadConfig, type Environment } from '../../../worker/config/config.js';
import { runBridge } from '../../../worker/processes/run-bridge.js';
import { EXIT } from '../../terminal/exit-codes.js';

/** `sluice bridge`: routes events until SIGTERM or SIGINT. */
export async function bridgeCommand(env: Environment): Promise<number> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, end);
  try {
    const config = loadConfig(env);
    const settings = loadBridgeConfig(env);
    await runBridge({ config, settings, log: createLogger(config.logLevel), stop: stop.signal });
    return EXIT.ok;
  } finally {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.removeListener(signal, end);
  }
}
