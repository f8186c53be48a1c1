/** `sluice dead-letters …` */
import { Option, type Command } from 'commander';
import { DeadLetterKind } from '../contracts/dead-letter.js';
import {
  actOnDeadLetters,
  listDeadLetters,
  showDeadLetter,
  type DeadLetterBulk,
  type DeadLetterSelection,
} from './commands/dead-letters.js';
import { httpBus } from '../client/index.js';
import { loadBridgeConfig } from '../worker/bridge-config.js';
import type { Online } from './event-commands.js';
import type { Terminal } from './terminal.js';
import type { Environment } from '../worker/config.js';

/** Adds the commands. */
export function addDeadLetterCommands(
  program: Command,
  env: Environment,
  { terminal, online }: { readonly terminal: () => Terminal; readonly online: Online },
): void {
  const bus = () => {
    const { url, bridge } = loadBridgeConfig(env);
    return httpBus(url, bridge.token);
  };
  const letters = program.command('dead-letters').description('what could not be done: look, retry, dismiss');
  const kind = () => new Option('--kind <kind>', 'only of a kind').choices(DeadLetterKind.options);
  letters
    .command('list')
    .description('dead letters, newest first')
    .addOption(new Option('--status <status>', 'which').choices(['open', 'all']).default('open'))
    .addOption(kind())
    .option('--run <id>', 'only of a run')
    .action((options: DeadLetterSelection) =>
      online((client) => listDeadLetters(client, terminal(), options)),
    );
  letters
    .command('show')
    .description('all that a letter holds, and what was done about it')
    .argument('<id>')
    .action((id: string) => online((client) => showDeadLetter(client, terminal(), id)));
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
      .action((ids: string[], options: DeadLetterBulk) =>
        online(
          (client) => actOnDeadLetters(client, terminal(), act, ids, options),
          act === 'retry' ? bus() : undefined,
        ),
      );
  }
}
