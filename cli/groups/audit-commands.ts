/** `sluice audit …`. */
import type { Command } from 'commander';
import { wholeNumber, type CommandContext } from '../context/context.js';

/** Adds the commands. */
export function addAuditCommands(program: Command, { terminal, reading }: CommandContext): void {
  program
    .command('audit')
    .description('show who did what through the API')
    .command('list')
    .description('list the newest acts')
    .option('--on <thing>', 'only acts on this: run:ID, definition:ID, event:SOURCE/ID, deadLetter:ID')
    .option('--limit <number>', 'maximum number of acts (default 50)', wholeNumber)
    .option('--after <cursor>', 'cursor that the previous page printed')
    .action(async (options: { on?: string; limit?: number; after?: string }) => {
      const { listAuditCommand } = await import('../commands/runs/runs-show.js');
      await reading((client) => listAuditCommand(client, terminal(), options));
    });
}
