/** `sluice dead-letters …`. */
import { Option, type Command } from 'commander';
import type { DeadLetterKind } from '../../contracts/events/dead-letter.js';
import type { DeadLetterBulk, DeadLetterSelection } from '../commands/events/dead-letters.js';
import { wholeNumber, type CommandContext } from '../context/context.js';
import { bridgeBus } from './event-commands.js';

/** Every kind. Importing the schema would load zod for `sluice --help`. */
const KINDS: Readonly<Record<DeadLetterKind, true>> = {
  compensation: true,
  event: true,
  delivery: true,
  outbox: true,
  trigger: true,
  notification: true,
};

/** Adds the commands. */
export function addDeadLetterCommands(program: Command, context: CommandContext): void {
  const { terminal, online } = context;
  const letters = program
    .command('dead-letters')
    .description('list, retry and dismiss dead letters: work that could not be completed');
  const kind = () =>
    new Option('--kind <kind>', 'only dead letters of this kind').choices(Object.keys(KINDS));
  const unredacted = (command: Command): Command =>
    command.option('--unredacted', 'show values that a payloadSchema marks writeOnly');
  unredacted(letters.command('list').description('list dead letters, newest first'))
    .addOption(new Option('--status <status>', 'which dead letters').choices(['open', 'all']).default('open'))
    .addOption(kind())
    .option('--run <id>', 'only dead letters of this run')
    .action(async (options: DeadLetterSelection) => {
      const { listDeadLettersCommand } = await import('../commands/events/dead-letters.js');
      await online((client) => listDeadLettersCommand(client, terminal(), options));
    });
  unredacted(
    letters
      .command('show')
      .description('show everything about one dead letter, including what was done about it')
      .argument('<id>'),
  ).action(async (id: string, options: Pick<DeadLetterSelection, 'unredacted'>) => {
    const { showDeadLetterCommand } = await import('../commands/events/dead-letters.js');
    await online((client) => showDeadLetterCommand(client, terminal(), id, options));
  });
  for (const [act, description] of [
    ['retry', 'retry dead letters on the normal path, under the same idempotency key'],
    ['dismiss', 'dismiss dead letters that need no action'],
  ] as const) {
    const command = letters
      .command(act)
      .description(description)
      .argument('[id...]')
      .option('--all', 'act on every matching open dead letter')
      .addOption(kind())
      .option('--run <id>', 'only dead letters of this run')
      .option('--limit <count>', 'how many letters of --all to act on (default: 100)', wholeNumber)
      .option('--dry-run', 'list the dead letters in their order and change nothing')
      .option('--yes', 'act on the letters of --all without a question')
      .option('--note <text>', 'reason, recorded in the audit');
    if (act === 'retry') {
      command.option(
        '--history-gone',
        'retry letters of INTERRUPTED runs too: you have made sure that their histories are gone for good',
      );
    }
    command.action(async (ids: string[], options: DeadLetterBulk) => {
      const { actOnDeadLettersCommand } = await import('../commands/events/dead-letters.js');
      const bus = act === 'retry' ? await bridgeBus(context) : undefined;
      await online((client) => actOnDeadLettersCommand(client, terminal(), act, { ...options, ids }), bus);
    });
  }
}
