/** `sluice calendars …`. */
import type { Command } from 'commander';
import { wholeNumber, type CommandContext } from '../context/context.js';

/** Adds the commands. */
export function addCalendarCommands(program: Command, context: CommandContext): void {
  const { terminal, online, reading } = context;
  const calendars = program
    .command('calendars')
    .description('business calendars, by which deadlines of tasks count');
  calendars
    .command('put')
    .description(
      'store a business calendar; the same again changes nothing, and tasks that have begun keep theirs',
    )
    .argument('<name>', 'name of the calendar')
    .argument('<file>', 'YAML or JSON: timeZone, week, days')
    .action(async (name: string, file: string) => {
      const { putCalendarCommand } = await import('../commands/tasks/calendars.js');
      await online((client) => putCalendarCommand(client, terminal(), name, file));
    });
  calendars
    .command('list')
    .description('list business calendars by name')
    .option('--limit <number>', 'entries of a page (default 50, at most 500)', wholeNumber)
    .option('--after <cursor>', 'continue behind a page: its `next`')
    .action(async (options: { limit?: number; after?: string }) => {
      const { listCalendarsCommand } = await import('../commands/tasks/calendars.js');
      await reading((client) => listCalendarsCommand(client, terminal(), options));
    });
  calendars
    .command('show')
    .description('show the newest version of a business calendar')
    .argument('<name>', 'name of the calendar')
    .action(async (name: string) => {
      const { showCalendarCommand } = await import('../commands/tasks/calendars.js');
      await reading((client) => showCalendarCommand(client, terminal(), name));
    });
}
