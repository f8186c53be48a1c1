/**
 * A worker as a process: signals, log, configuration. SIGTERM and SIGINT stop it cleanly, SIGHUP reloads the
 * policies. An error that prevents its start is the last line of its log, and is returned for the exit code.
 */
import { toSluiceError, type SluiceError } from '../../contracts/errors.js';
import { loadConfig, type Environment } from '../config/config.js';
import { createLogger } from './logging.js';
import { runWorker } from './run-worker.js';

const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/**
 * Runs a worker until it is told to stop and has stopped.
 * @returns the error that ended it; undefined where it was told to stop
 */
export async function runWorkerProcess(env: Environment): Promise<SluiceError | undefined> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  for (const signal of STOP_SIGNALS) process.once(signal, end);
  let reload = (): Promise<void> => Promise.resolve();
  const onHangUp = (): void => void reload();
  process.on('SIGHUP', onHangUp);
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
    for (const signal of STOP_SIGNALS) process.removeListener(signal, end);
    process.removeListener('SIGHUP', onHangUp);
  }
}
