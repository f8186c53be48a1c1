/**
 * A child process that dies with its parent (see supervisor.mjs) and is stopped by its own process id.
 */
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SUPERVISOR = fileURLToPath(new URL('./supervisor.mjs', import.meta.url));
/** The supervisor gives the command 5 s; past this the supervisor itself is killed. */
const KILL_AFTER_MS = 8_000;
const KEPT_LINES = 40;
/** The exit code of a command that does not start, as in a shell. */
const NOT_STARTED = 127;

/** A running supervised command. */
export interface SupervisedProcess {
  /** Process id of the supervisor. */
  readonly pid: number;
  /** The last lines of its output, for an error message. */
  output(): string;
  /** Resolves with the exit code when it has ended, for any reason. */
  readonly exited: Promise<number>;
  /** Stops it and waits until it has ended; safe to call twice. */
  stop(): Promise<void>;
  /** Kills it, as a crash would (SIGKILL). */
  kill(): Promise<void>;
}

/**
 * Starts a command that ends when this process does.
 * @param options.logFile gets all output of the command, appended
 */
export function spawnSupervised(
  command: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly logFile?: string } = {},
): SupervisedProcess {
  const child = spawn(process.execPath, [SUPERVISOR, command, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  const lines: string[] = [];
  const log = options.logFile === undefined ? undefined : createWriteStream(options.logFile, { flags: 'a' });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      log?.write(text);
      lines.push(...text.split('\n').filter((line) => line.trim() !== ''));
      lines.splice(0, Math.max(0, lines.length - KEPT_LINES));
    });
  }
  // A write error on the pipe means that the supervisor is gone, which `exited` reports.
  child.stdin.on('error', () => undefined);
  const exited = new Promise<number>((resolve) => {
    child.once('error', (error) => {
      lines.push(error.message);
      resolve(NOT_STARTED);
    });
    child.once('close', (code) => resolve(code ?? 1));
  }).finally(() => log?.end());

  const stop = async (): Promise<void> => {
    child.stdin.end();
    const kill = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
    await exited;
    clearTimeout(kill);
  };
  const kill = async (): Promise<void> => {
    // The supervisor leads its own process group, which holds only itself and the command.
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
    await exited;
  };
  return { pid: child.pid ?? -1, output: () => lines.join('\n'), exited, stop, kill };
}
