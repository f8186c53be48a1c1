/**
 * When the local stack has to stop: Ctrl-C or a signal, or the death of the npm that started it. A second
 * request stops it by force.
 *
 * SIGHUP means two things. With policies it makes a worker reload them; a terminal that closes sends it too,
 * and then the stack must not stay behind. So the handler checks whether the terminal still exists.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Environment } from '../config/config.js';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
const TERMINAL = '/dev/tty';
/** Time between two checks of the parent's process id. */
const PARENT_INTERVAL_MS = 500;

export interface StopRequest {
  /** Aborted when the stack has to stop. */
  readonly signal: AbortSignal;
  /** Resolves when the stack has to stop. */
  readonly requested: Promise<void>;
  /** From now on SIGHUP does this work, unless the terminal is gone. */
  onHangUp(work: () => Promise<void>): void;
  /** Requests a stop, as a signal does. */
  request(): void;
  /** Removes the listeners. */
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
  let hangUp: (() => Promise<void>) | undefined;
  const hadTerminal = hasTerminal();
  const onHangUp = () => {
    if (hangUp === undefined || controller.signal.aborted || (hadTerminal && !hasTerminal())) onSignal();
    else void hangUp();
  };
  process.on('SIGHUP', onHangUp);

  // npm passes signals on, except SIGKILL: that one only shows in that npm is gone.
  const parent = process.ppid;
  const npm = env.npm_lifecycle_event === undefined ? undefined : npmAbove(parent);
  const watch =
    npm === undefined
      ? undefined
      : setInterval(() => {
          if (process.ppid !== parent || !isAlive(npm)) request();
        }, PARENT_INTERVAL_MS).unref();

  return {
    signal: controller.signal,
    requested,
    onHangUp: (work) => (hangUp = work),
    request,
    dispose() {
      clearInterval(watch);
      for (const signal of SIGNALS) process.removeListener(signal, onSignal);
      process.removeListener('SIGHUP', onHangUp);
    },
  };
}

/** True where the process has a controlling terminal that still exists. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync(TERMINAL, 'r'));
    return true;
  } catch {
    // ENXIO, EIO or ENOENT: no terminal can be opened.
    return false;
  }
}

/** Process id of the npm that runs this script: the parent, or the parent of the shell in between. */
function npmAbove(parent: number): number | undefined {
  const { command, parent: above } = describeProcess(parent);
  return / -c\b/.test(command) ? above : parent;
}

/** From /proc on Linux, from `ps` elsewhere; where neither works, no parent is watched. */
function describeProcess(pid: number): { readonly command: string; readonly parent: number | undefined } {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    const parent = /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return { command, parent: parent === undefined ? undefined : Number(parent) };
  } catch {
    const { stdout } = spawnSync('ps', ['-o', 'ppid=,command=', '-p', String(pid)], { encoding: 'utf8' });
    const [, parent, command] = /^\s*(\d+)\s+(.*)/.exec(stdout ?? '') ?? [];
    return { command: command ?? '', parent: parent === undefined ? undefined : Number(parent) };
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
