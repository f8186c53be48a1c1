/**
 * The end of a process that was told to stop.
 *
 * Invariant: it ends within its limit, even if nothing answers: no database, no Temporal, no action that is
 * told to stop. All that was accepted is in a store by then, or is repeated by another process, so an end by
 * force loses nothing.
 */
import type { Logger } from 'pino';

/** Time limit, ms, of a process without a grace time: the bridge and the API. */
export const STOP_LIMIT_MS = 15_000;

/**
 * Ends this process by force if it is still there `limitMs` after the stop. The limit stays on when all is
 * closed: threads of Temporal's SDK may keep the process alive after a worker that did not drain.
 * @param stop aborted when the process has to stop
 */
export function endInTime(stop: AbortSignal, limitMs: number, log: Pick<Logger, 'fatal'>): void {
  void whenAborted(stop).then(() => {
    setTimeout(() => {
      log.fatal({ limitMs }, 'The process did not end in time; it is ended by force');
      process.exit(process.exitCode ?? 1);
    }, limitMs).unref();
  });
}

/** Resolves when the signal is aborted. */
export function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
