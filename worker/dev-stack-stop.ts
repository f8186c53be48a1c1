/**
 * When the local stack has to stop: Ctrl-C or a signal, or the death of the npm that started it. What is
 * asked for twice is done by force.
 */
import type { Environment } from './config.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Between two looks at the parent's process id. */
const PARENT_INTERVAL_MS = 500;

export interface StopRequest {
  /** Aborted when somebody asks to stop. */
  readonly signal: AbortSignal;
  /** Resolves then. */
  readonly requested: Promise<void>;
  /** Asks to stop, as a signal would. */
  request(): void;
  /** Listens no more. */
  dispose(): void;
}

/**
 * Listens for requests to stop this process.
 * @param force called at the second request
 */
export function listenForStop(env: Environment, force: () => void): StopRequest {
  const controller = new AbortController();
  const requested = new Promise<void>((resolve) =>
    controller.signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  const request = () => controller.abort();
  const onSignal = () => (controller.signal.aborted ? force() : request());
  for (const signal of SIGNALS) process.on(signal, onSignal);

  // A signal to npm is passed on to here; a SIGKILL is not, and only shows in the parent's process id.
  const parent = process.ppid;
  const watch =
    env.npm_lifecycle_event === undefined
      ? undefined
      : setInterval(() => {
          if (process.ppid !== parent) request();
        }, PARENT_INTERVAL_MS).unref();

  return {
    signal: controller.signal,
    requested,
    request,
    dispose() {
      clearInterval(watch);
      for (const signal of SIGNALS) process.removeListener(signal, onSignal);
    },
  };
}
