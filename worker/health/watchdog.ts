/**
 * Notices a process that does not get on.
 *
 * A main thread that is held answers nothing: no health check, no signal, no heartbeat of an action. A probe
 * over HTTP then fails by its time limit, where one is configured; a worker has none. So a thread watches the
 * main thread from outside.
 *
 * Invariants
 * - A process whose main thread takes no turn for the limit is ended by SIGKILL, after one line on standard
 *   error. All that it had accepted is in a store or with a sender, and its actions go to other workers.
 * - A process that is suspended as a whole, and goes on, is left alone.
 */
import { url as debuggerUrl } from 'node:inspector';
import { Worker } from 'node:worker_threads';

/** Looks within the limit. */
const LOOKS = 20;
/** Beats between two looks. */
const BEATS = 4;

/**
 * Watches the main thread of this process, until what it returns is called.
 * @param limitMs 0: it is not watched, as with a debugger, whose breakpoints hold it
 */
export function watchMainThread(limitMs: number): () => Promise<void> {
  if (limitMs === 0 || debuggerUrl() !== undefined) return () => Promise.resolve();
  const beats = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const counter = new Int32Array(beats);
  const lookMs = Math.max(1, Math.ceil(limitMs / LOOKS));
  const thread = new Worker(new URL('./watchdog-thread.mjs', import.meta.url), {
    workerData: { beats, lookMs, looks: LOOKS },
    // What the process was started with (a loader, a debugger) is not for this thread.
    execArgv: [],
  });
  thread.unref();
  const beat = setInterval(() => Atomics.add(counter, 0, 1), lookMs / BEATS).unref();
  return async () => {
    clearInterval(beat);
    await thread.terminate();
  };
}
