/** Entry point of `sluice`: runs one command and turns an error into a message and an exit code. */
import { CommanderError } from 'commander';
import type { SluiceError } from '../contracts/errors.js';
import type { Environment } from '../worker/config/config.js';
import { EXIT, exitCodeOf } from './terminal/exit-codes.js';
import { createProgram } from './program.js';

/**
 * Runs one command.
 * @param argv as `process.argv`
 * @returns the exit code
 */
export async function main(argv: readonly string[], env: Environment): Promise<number> {
  let exitCode: number = EXIT.ok;
  const { program, context } = createProgram(env, (code) => (exitCode = code));
  try {
    await program.parseAsync([...argv]);
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) return exitCodeOf(context.terminal().error(thrown));
    // Commander has printed the help: it was requested, or the command only has subcommands.
    if (thrown.exitCode === 0) return EXIT.ok;
    if (thrown.code === 'commander.help') return EXIT.usage;
    // Commander may have stopped before it parsed the global options.
    const { Terminal } = await import('./terminal/terminal.js');
    const terminal = new Terminal(env, {
      json: argv.includes('--json'),
      verbose: argv.includes('--verbose'),
    });
    return exitCodeOf(terminal.error(await usageError(thrown)));
  }
  return exitCode;
}

/** Commander's message, which suggests similar names, on one line and without its prefix. */
async function usageError({ message }: CommanderError): Promise<SluiceError> {
  const { SluiceError } = await import('../contracts/errors.js');
  const text = message
    .replace(/^error: /, '')
    .replaceAll(/\s*\n\s*/g, ' ')
    .trim();
  return new SluiceError('USAGE_INVALID', text);
}
