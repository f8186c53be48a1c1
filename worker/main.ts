/** A worker as a process: `node --import tsx worker/main.ts`. SIGTERM or SIGINT stop it cleanly. */
import { toSluiceError } from '../contracts/errors.js';
import { loadConfig } from './config.js';
import { createLogger } from './logging.js';
import { runWorker } from './run-worker.js';

const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());

/** SIGHUP reads the policies again, and never ends the worker. */
let reload = (): Promise<void> => Promise.resolve();
process.on('SIGHUP', () => void reload());

let log = createLogger('info');
try {
  const config = loadConfig(process.env);
  log = createLogger(config.logLevel);
  await runWorker({
    config,
    env: process.env,
    directory: process.cwd(),
    log,
    stop: stop.signal,
    onReload: (again) => (reload = again),
  });
} catch (error) {
  const { code, message, help } = toSluiceError(error);
  log.fatal({ code, help, error }, message);
  process.exitCode = 1;
}
