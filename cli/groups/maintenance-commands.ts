/** The commands for operators: doctor, migrate, keys, rebuild, prune, erase. */
import type { Command } from 'commander';
import type { EraseOptions } from '../commands/maintenance/erase.js';
import type { PruneOptions } from '../commands/maintenance/prune.js';
import { days, type CommandContext } from '../context/context.js';

/** Adds the commands. */
export function addMaintenanceCommands(program: Command, context: CommandContext): void {
  const { terminal, online, config, env, done, namedTenant, tenant } = context;

  program
    .command('doctor')
    .description('check Temporal, the database, Redis, clocks and versions, and say how to fix problems')
    .option(
      '--try-writes',
      'write to a temporary table for 5 s to find out whether the database loses updates',
    )
    .action(async (options: { tryWrites?: boolean }) => {
      const { doctorCommand } = await import('../commands/maintenance/doctor.js');
      done(await doctorCommand(terminal(), env(), options));
    });

  program
    .command('migrate')
    .description('bring the schema of the database up to date; a worker also does this when it starts')
    .option('--status', 'show the migrations without applying any; exit code 1 if some are missing')
    .action(async (options: { status?: boolean }) => {
      const { migrateCommand } = await import('../commands/maintenance/migrate.js');
      done(await migrateCommand(terminal(), await config(), options));
    });

  const keys = program
    .command('keys')
    .description('make and rotate the keys that encrypt what Temporal stores, and those that sign claims');
  keys
    .command('add')
    .description('add a new key; the first one makes the file and encrypts, later ones decrypt until `use`')
    .argument('<file>', 'file of the key ring, for SLUICE_KEY_RING_FILE or SLUICE_CLAIM_KEYS_FILE')
    .argument('<id>', 'name of the key, such as 2026-11; it is readable beside what it encrypts')
    .option('--since <instant>', 'make a ring of claim keys: what has no claim is refused from then on')
    .action(async (file: string, id: string, { since }: { since?: string }) => {
      const { keysAddCommand } = await import('../commands/maintenance/keys.js');
      done(await keysAddCommand(terminal(), file, id, since));
    });
  keys
    .command('use')
    .description('make a key the one that encrypts; all others go on to decrypt')
    .argument('<file>', 'file of the key ring')
    .argument('<id>', 'name of the key')
    .action(async (file: string, id: string) => {
      const { keysUseCommand } = await import('../commands/maintenance/keys.js');
      done(await keysUseCommand(terminal(), file, id));
    });
  keys
    .command('list')
    .description('list the names of the keys')
    .argument('<file>', 'file of the key ring')
    .action(async (file: string) => {
      const { keysListCommand } = await import('../commands/maintenance/keys.js');
      done(await keysListCommand(terminal(), file));
    });

  keys
    .command('digest')
    .description("print the value of a correlation key in Temporal's search attribute SluiceCorrelationKeys")
    .argument('<file>', 'file of the key ring')
    .argument('<key>', 'correlation key')
    .option('--for-tenant <name>', 'tenant of the runs', 'default')
    .action(async (file: string, key: string, { forTenant }: { forTenant: string }) => {
      const { keysDigestCommand } = await import('../commands/maintenance/keys.js');
      done(await keysDigestCommand(terminal(), file, key, forTenant));
    });

  program
    .command('rebuild')
    .description("recompute the derived rows of runs from their logs, or the logs from Temporal's history")
    .argument('[id...]', 'run ids, or workflow ids with --from-temporal (default: all)')
    .option(
      '--from-temporal',
      'read the run events of this task queue from the histories that Temporal still keeps',
    )
    .action(async (ids: string[], { fromTemporal }: { fromTemporal?: boolean }) => {
      const { rebuildFromLogCommand, rebuildFromTemporalCommand } =
        await import('../commands/maintenance/rebuild.js');
      const { AUDITED_IN, recorded, withProjections } = await import('../commands/maintenance/database.js');
      const settings = await config();
      const act = {
        tenant: namedTenant() ?? AUDITED_IN,
        subject: env().USER || 'sluice-cli',
        act: fromTemporal === true ? 'rebuild.from-temporal' : 'rebuild',
        on: ids.map((id) => (fromTemporal === true ? `workflow:${id}` : `run:${id}`)),
      };
      const options = { ids, tenant: namedTenant(), taskQueue: settings.taskQueue };
      await withProjections(settings, async (projections) => {
        if (fromTemporal !== true) {
          const rebuild = () => rebuildFromLogCommand(terminal(), projections, options);
          done(await recorded(projections, act, async () => ({ result: await rebuild(), on: [] })));
          return;
        }
        const { requireOwnDatabase } = await import('../../worker/temporal/temporal-owner.js');
        await online(async ({ temporal }) => {
          const { namespace } = settings.temporal;
          await requireOwnDatabase(projections, temporal.connection.workflowService, namespace);
          const rebuild = () => rebuildFromTemporalCommand(terminal(), projections, temporal, options);
          return await recorded(projections, act, async () => ({ result: await rebuild(), on: [] }));
        });
      });
    });

  program
    .command('prune')
    .description(
      'remove closed runs and tasks, inbound events and audit rows past their retention, with everything that belongs to them',
    )
    .option(
      '--days <number>',
      'age of runs and tasks, in days since they ended (SLUICE_RETENTION_DAYS)',
      days,
    )
    .option('--event-days <number>', 'age of inbound events, in days (SLUICE_EVENT_RETENTION_DAYS)', days)
    .option('--audit-days <number>', 'age of audit rows, in days (SLUICE_AUDIT_RETENTION_DAYS)', days)
    .option(
      '--history-gone',
      'do not ask Temporal how long it keeps closed workflows: those of this database are gone for good',
    )
    .option('--dry-run', 'count and measure what would be removed, and remove nothing')
    .option('--yes', 'remove without a question')
    .action(async (options: PruneOptions) => {
      const { pruneCommand } = await import('../commands/maintenance/prune.js');
      const subject = env().USER || 'sluice-cli';
      done(await pruneCommand(terminal(), await config(), { ...options, subject }));
    });

  program
    .command('erase')
    .description(
      'remove the values of closed runs, or of everything with a correlation key, and keep what happened',
    )
    .argument('[run...]', 'run ids')
    .option('--correlation-key <key>', 'erase all of this key in the tenant')
    .option('--dry-run', 'show what would be erased, and erase nothing')
    .option('--yes', 'erase without a question')
    .action(async (runs: string[], options: EraseOptions) => {
      const { eraseCommand } = await import('../commands/maintenance/erase.js');
      const { loadApiPlace } = await import('../../worker/config/api-variables.js');
      const { eraseThroughApi } = await import('../../client/index.js');
      const asked = { ...options, runs, tenant: tenant() };
      const api = loadApiPlace(env());
      if (api !== undefined) {
        done(await eraseCommand(terminal(), asked, (request) => eraseThroughApi(api, request)));
        return;
      }
      const { recordedErasure, withProjections } = await import('../commands/maintenance/database.js');
      await withProjections(await config(), async (projections) => {
        const subject = env().USER || 'sluice-cli';
        await online((client) =>
          eraseCommand(terminal(), asked, (request) =>
            recordedErasure(projections, { ...request, subject }, () =>
              client.runs.erase(projections.erasure, request),
            ),
          ),
        );
      });
    });
}
