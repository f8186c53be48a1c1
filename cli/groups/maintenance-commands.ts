/** The commands for whoever keeps Sluice running: doctor, migrate, rebuild, prune. */
import type { Command } from 'commander';
import { days, type CommandContext } from '../context/context.js';

/** Adds them. */
export function addMaintenanceCommands(program: Command, context: CommandContext): void {
  const { terminal, online, config, env, done, namedTenant } = context;

  program
    .command('doctor')
    .description(
      'look at Temporal, the database, Redis, clocks and versions, and say how to mend what is wrong',
    )
    .option('--try-writes', 'write to a table of its own for 5 s, to see whether the database loses updates')
    .action(async (options: { tryWrites?: boolean }) => {
      const { examine } = await import('../commands/maintenance/doctor.js');
      done(await examine(terminal(), env(), options));
    });

  program
    .command('migrate')
    .description("bring the database's schema up to date; a worker does so when it starts")
    .option('--status', 'show the migrations and apply none; exit code 1 where some are missing')
    .action(async (options: { status?: boolean }) => {
      const { migrateDatabase } = await import('../commands/maintenance/migrate.js');
      done(await migrateDatabase(terminal(), await config(), options));
    });

  program
    .command('rebuild')
    .description("recompute the derived rows of runs from their logs, or the logs from Temporal's history")
    .argument('[id...]', 'run ids, with --from-temporal workflow ids (default: all)')
    .option('--from-temporal', 'read the events from the histories that Temporal still has')
    .action(async (ids: string[], { fromTemporal }: { fromTemporal?: boolean }) => {
      const { rebuildFromLog, rebuildFromTemporal } = await import('../commands/maintenance/rebuild.js');
      const { withProjections } = await import('../commands/maintenance/database.js');
      const options = { ids, tenant: namedTenant() };
      await withProjections(await config(), async (projections) => {
        if (fromTemporal !== true) {
          done(await rebuildFromLog(terminal(), projections, options));
          return;
        }
        await online(({ temporal }) => rebuildFromTemporal(terminal(), projections, temporal, options));
      });
    });

  program
    .command('prune')
    .description('remove closed runs and inbound events past their retention, with all that belongs to them')
    .option('--days <number>', 'age of runs, in days since they ended (SLUICE_RETENTION_DAYS)', days)
    .option('--event-days <number>', 'age of inbound events, in days (SLUICE_EVENT_RETENTION_DAYS)', days)
    .action(async (options: { days?: number; eventDays?: number }) => {
      const { pruneClosedRuns } = await import('../commands/maintenance/prune.js');
      done(await pruneClosedRuns(terminal(), await config(), options.days, options.eventDays));
    });
}
