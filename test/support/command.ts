/** Runs a command as a user does, and keeps its output. */
import { spawn, type ChildProcess } from 'node:child_process';

export interface CommandResult {
  /** Exit code; null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCommand {
  readonly child: ChildProcess;
  /** The output of both streams so far. */
  output(): string;
  readonly ended: Promise<CommandResult>;
}

/** Starts a command in a new process group, as a terminal does. */
export function startCommand(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): RunningCommand {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, ...options });
  let stdout = '';
  let stderr = '';
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    output += text;
  });
  const ended = new Promise<CommandResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { child, output: () => output, ended };
}

/** Runs a command to its end. */
export function runCommand(...args: Parameters<typeof startCommand>): Promise<CommandResult> {
  return startCommand(...args).ended;
}
