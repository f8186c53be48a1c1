/** A worker as a process: `node --import tsx worker/main.ts`. SIGTERM or SIGINT stop it cleanly. */
import { toSluiceError } from '../contracts/errors.js';
import { loadConfig } from './config.js';
import { createLogger } from './logging.js';
import { runWorker } from './run-worker.js';

const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());

let log = createLogger('info');
try {
  const config = loadConfig(process.env);
  log = createLogger(config.logLevel);
  await runWorker({ config, env: process.env, directory: process.cwd(), log, stop: stop.signal });
} catch (error) {
  const { code, message, help } = toSluiceError(error);
  log.fatal({ code, help, error }, message);
  process.exitCode = 1;
}
