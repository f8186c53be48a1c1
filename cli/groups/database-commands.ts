/** The commands about the Temporal that a database belongs to: database owner, database move, reconcile. */
import type { Command } from 'commander';
import type { MoveOptions } from '../commands/maintenance/temporal-owner.js';
import type { CommandContext } from '../context/context.js';

/** Adds the commands. */
export function addDatabaseCommands(program: Command, context: CommandContext): void {
  const { terminal, online, config, env, done } = context;
  const database = program
    .command('database')
    .description('show and move which Temporal the database belongs to');
  database
    .command('owner')
    .description('show whose runs the database has, and whether that is the Temporal of this configuration')
    .action(async () => {
      const { ownerCommand } = await import('../commands/maintenance/temporal-owner.js');
      const { withProjections } = await import('../commands/maintenance/database.js');
      await withProjections(await config(), (projections) =>
        online(({ temporal }) => ownerCommand(terminal(), projections, temporal)),
      );
    });
  database
    .command('move')
    .description('make the database that of the Temporal of this configuration; its runs stay behind')
    .option('--dry-run', 'show what would happen, and change nothing')
    .option('--yes', 'move without a question')
    .action(async (options: MoveOptions) => {
      const { moveCommand } = await import('../commands/maintenance/temporal-owner.js');
      const { withProjections } = await import('../commands/maintenance/database.js');
      const subject = env().USER || 'sluice-cli';
      await withProjections(await config(), (projections) =>
        online(({ temporal }) => moveCommand(terminal(), projections, temporal, { ...options, subject })),
      );
    });
  program
    .command('reconcile')
    .description('compare the rows of all runs with Temporal now, as workers do every minute')
    .option(
      '--accept-vanished',
      'end all runs that Temporal does not know, however many: their histories are gone for good',
    )
    .action(async (options: { acceptVanished?: boolean }) => {
      const { reconcileCommand } = await import('../commands/maintenance/reconcile.js');
      const subject = env().USER || 'sluice-cli';
      done(await reconcileCommand(terminal(), await config(), process.cwd(), { ...options, subject }));
    });
}
