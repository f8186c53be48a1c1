import { spawn } from 'node:child_process';
import type { Environment } from '../config/config.js';

/** A download from which nothing has arrived by then is given up, ms: the network cannot reach it. */
export const STALL_MS = 10_000;
/** The exit code of a command that does not start, as in a shell. */
const NOT_STARTED = 127;
const KEPT_OUTPUT_LENGTH = 2_000;

export interface ExecuteOptions {
  readonly env: Environment;
  readonly limitMs: number;
  /** Asked once, after STALL_MS; true ends the command. */
  readonly stalled?: () => boolean;
}

/** The exit code of a command and the last line that it printed, or why it was ended. */
export interface Executed {
  readonly code: number;
  readonly reason: string;
}

/** Runs a command of an installer to its end. */
export function execute(
  command: string,
  args: readonly string[],
  options: ExecuteOptions,
): Promise<Executed> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env: { ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let gaveUp: string | undefined;
    const giveUp = (reason: string) => {
      gaveUp = reason;
      child.kill('SIGKILL');
    };
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text: string) => (output = (output + text).slice(-KEPT_OUTPUT_LENGTH)));
    }
    const limit = setTimeout(() => giveUp('it took too long'), options.limitMs);
    const stall = setTimeout(() => {
      if (options.stalled?.() === true) giveUp('nothing arrived');
    }, STALL_MS);
    const settle = (code: number, reason: string) => {
      clearTimeout(limit);
      clearTimeout(stall);
      resolve({ code, reason: gaveUp ?? reason });
    };
    child.once('error', (error) => settle(NOT_STARTED, error.message));
    child.once('close', (code) => settle(code ?? 1, lastLine(output)));
  });
}

function lastLine(output: string): string {
  return output.trim().split('\n').at(-1)?.trim() ?? 'no output';
}
