/**
 * A worker as a process: signals, log, configuration. SIGTERM and SIGINT stop it cleanly, SIGHUP reads the policies
 * again. What keeps it from starting is the last line of its log, and is given back for the exit code.
 */
import { toSluiceError, type SluiceError } from '../../contracts/errors.js';
import { loadConfig, type Environment } from '../config/config.js';
import { createLogger } from './logging.js';
import { runWorker } from './run-worker.js';

const STOP = ['SIGTERM', 'SIGINT'] as const;

/**
 * Runs a worker until it is told to stop and has stopped.
 * @returns what it failed with; undefined where it stopped because it was told to
 */
export async function runWorkerProcess(env: Environment): Promise<SluiceError | undefined> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  for (const signal of STOP) process.once(signal, end);
  let reload = (): Promise<void> => Promise.resolve();
  const again = (): void => void reload();
  process.on('SIGHUP', again);
  let log = createLogger('info');
  try {
    const config = loadConfig(env);
    log = createLogger(config.logLevel);
    await runWorker({
      config,
      env,
      directory: process.cwd(),
      log,
      stop: stop.signal,
      onReload: (reloadPolicies) => (reload = reloadPolicies),
    });
    return undefined;
  } catch (thrown) {
    const error = toSluiceError(thrown);
    const { code, message, help } = error;
    log.fatal({ code, help, error: thrown }, message);
    return error;
  } finally {
    for (const signal of STOP) process.removeListener(signal, end);
    process.removeListener('SIGHUP', again);
  }
}
