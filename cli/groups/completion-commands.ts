/** `sluice completion SHELL`, and the hidden command that the shell scripts call at each TAB. */
import { Argument, type Command } from 'commander';
import { EXIT } from '../terminal/exit-codes.js';
import type { CommandContext } from '../context/context.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

/** Prefix of the names of both commands. */
export const COMPLETION = 'completion';

/** Adds the commands. Call it last: they complete all the others. */
export function addCompletionCommands(program: Command, { env, done }: CommandContext): void {
  program
    .command(COMPLETION)
    .description('print the script with which a shell completes `sluice`')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .action(async (shell: Shell) => {
      const { getCompletionScript } = await import('@pnpm/tabtab');
      const name = program.name();
      process.stdout.write(`${await getCompletionScript({ name, completer: name, shell })}\n`);
      done(EXIT.ok);
    });

  program
    .command(`${COMPLETION}-server`, { hidden: true })
    .argument('[words...]')
    .allowUnknownOption()
    .action(async () => {
      const { getShellFromEnv, log, logFiles, parseEnv } = await import('@pnpm/tabtab');
      const { candidatesAt } = await import('../context/completion.js');
      // Use the line as typed: the words that the shell passes may contain its quoting.
      const { partial, lastPartial } = parseEnv({ ...env() });
      const words = partial.split(/\s+/).filter((word) => word !== '');
      if (lastPartial !== '') words.pop();
      const { items, files } = candidatesAt(program, words.slice(1), lastPartial);
      const shell = getShellFromEnv({ ...env() });
      // Bash completes files by itself when the answer is empty.
      if (files && shell !== 'bash') logFiles();
      else log([...items], shell);
      done(EXIT.ok);
    });
}
