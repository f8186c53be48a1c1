/** The `sluice` command: runs one, and turns what went wrong into words and an exit code. */
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
    // Help that was asked for, and a command alone that only has subcommands: the help says it all.
    if (thrown.exitCode === 0) return EXIT.ok;
    if (thrown.code === 'commander.help') return EXIT.usage;
    // The options before the mistake may not have been looked at yet.
    const { Terminal } = await import('./terminal/terminal.js');
    return exitCodeOf(new Terminal(argv.includes('--json'), env).error(await mistake(thrown)));
  }
  return exitCode;
}

/** commander's message, with the names near a mistyped one, without its prefix. */
async function mistake({ message }: CommanderError): Promise<SluiceError> {
  const { SluiceError } = await import('../contracts/errors.js');
  const text = message
    .replace(/^error: /, '')
    .replaceAll(/\s*\n\s*/g, ' ')
    .trim();
  return new SluiceError('USAGE_INVALID', text);
}
