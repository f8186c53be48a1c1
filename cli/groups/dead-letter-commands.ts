/** `sluice dead-letters …` */
import { Option, type Command } from 'commander';
import type { DeadLetterKind } from '../../contracts/events/dead-letter.js';
import type { DeadLetterBulk, DeadLetterSelection } from '../commands/events/dead-letters.js';
import type { CommandContext } from '../context/context.js';
import { bridgeBus } from './event-commands.js';

/** Every kind, by name: the schema itself would be loaded for `sluice --help`. */
const KINDS: Readonly<Record<DeadLetterKind, true>> = {
  compensation: true,
  event: true,
  outbox: true,
  notification: true,
};

/** Adds the commands. */
export function addDeadLetterCommands(program: Command, context: CommandContext): void {
  const { terminal, online } = context;
  const letters = program.command('dead-letters').description('what could not be done: look, retry, dismiss');
  const kind = () => new Option('--kind <kind>', 'only of a kind').choices(Object.keys(KINDS));
  letters
    .command('list')
    .description('dead letters, newest first')
    .addOption(new Option('--status <status>', 'which').choices(['open', 'all']).default('open'))
    .addOption(kind())
    .option('--run <id>', 'only of a run')
    .action(async (options: DeadLetterSelection) => {
      const { listDeadLetters } = await import('../commands/events/dead-letters.js');
      await online((client) => listDeadLetters(client, terminal(), options));
    });
  letters
    .command('show')
    .description('all that a letter holds, and what was done about it')
    .argument('<id>')
    .action(async (id: string) => {
      const { showDeadLetter } = await import('../commands/events/dead-letters.js');
      await online((client) => showDeadLetter(client, terminal(), id));
    });
  for (const [act, description] of [
    ['retry', 'do it again, on its normal path and under the same idempotency key'],
    ['dismiss', 'nothing is to be done about it'],
  ] as const) {
    letters
      .command(act)
      .description(description)
      .argument('[id...]')
      .option('--all', 'every open one that fits')
      .addOption(kind())
      .option('--run <id>', 'only of a run')
      .option('--dry-run', 'say which, and do nothing')
      .option('--note <text>', 'why, for the audit')
      .action(async (ids: string[], options: DeadLetterBulk) => {
        const { actOnDeadLetters } = await import('../commands/events/dead-letters.js');
        const bus = act === 'retry' ? await bridgeBus(context) : undefined;
        await online((client) => actOnDeadLetters(client, terminal(), act, ids, options), bus);
      });
  }
}
