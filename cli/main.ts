/** The `sluice` command: its subcommands, options and exit codes. */
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { createSluiceClient, type EventBus, type SluiceClient } from '../client/index.js';
import { withProjections } from './commands/database.js';
import { addEventCommands, type Online } from './event-commands.js';
import { listFunctions } from './commands/functions.js';
import { migrateDatabase } from './commands/migrate.js';
import { pruneClosedRuns } from './commands/prune.js';
import { checkPolicies, type PolicyCheckOptions } from './commands/policy-check.js';
import { publishFiles } from './commands/publish.js';
import { rebuildFromLog, rebuildFromTemporal } from './commands/rebuild.js';
import { runDefinition, type RunOptions } from './commands/run.js';
import { validateFiles } from './commands/validate.js';
import { addDeadLetterCommands } from './dead-letter-commands.js';
import { EXIT, exitCodeOf } from './exit-codes.js';
import { readJsonInput } from './input.js';
import { Terminal } from './terminal.js';
import { loadConfig, type Environment } from '../worker/config.js';
import { loadRegistry } from '../worker/load-registry.js';
import { temporalConnectionOptions } from '../worker/temporal-connection.js';

const EXIT_CODES = `
Exit codes: ${EXIT.ok} done · ${EXIT.failed} refused, or the run failed · ${EXIT.usage} wrong command line · ${EXIT.unavailable} Temporal, a worker, the database or the configuration is not there · ${EXIT.interrupted} interrupted`;

interface GlobalOptions {
  readonly address?: string;
  readonly namespace?: string;
  readonly taskQueue?: string;
  readonly tenant?: string;
  readonly json?: boolean;
}

/**
 * Runs one command.
 * @param argv as `process.argv`
 * @returns the exit code
 */
export async function main(argv: readonly string[], env: Environment): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = new Command('sluice')
    .description('Declarative, durable workflows on Temporal.')
    .option('--address <host:port>', 'Temporal (TEMPORAL_ADDRESS)')
    .option('--namespace <name>', 'Temporal namespace (TEMPORAL_NAMESPACE)')
    .option('--task-queue <name>', "the workers' task queue (SLUICE_TASK_QUEUE)")
    .option('--tenant <name>', 'tenant of what is published or started')
    .option('--json', 'one JSON value a line instead of text')
    .addHelpText('after', EXIT_CODES)
    .exitOverride();
  const globals = () => program.opts<GlobalOptions>();
  const terminal = () => new Terminal(globals().json === true, env);

  const online: Online = async (work, bus) => {
    const client = await connect(globals(), env, bus);
    try {
      exitCode = await work(client);
    } finally {
      await client.close();
    }
  };

  program
    .command('publish')
    .description('publish definitions; the same document again changes nothing')
    .argument('<file...>', 'YAML or JSON')
    .action((files: string[]) => online((client) => publishFiles(client, terminal(), files)));

  program
    .command('run')
    .description('start a run of a published definition and follow it to its end')
    .argument('<id>', 'id of the definition')
    .option('--input <json>', 'the payload: JSON, or @FILE', '{}')
    .option('--version <number>', 'version of the definition (default: the latest)', wholeNumber)
    .option('--workflow-id <id>', 'default: <definition id>/<uuid>')
    .option('--detach', 'print the workflow id and do not wait')
    .action(async (id: string, options: RunOptions) => {
      const payload = await readJsonInput(options.input);
      await online((client) => runDefinition(client, terminal(), id, payload, options));
    });

  program
    .command('validate')
    .description('check definitions, offline: every problem with file, line and column')
    .argument('<file...>', 'YAML or JSON')
    .action(async (files: string[]) => {
      const registry = await loadRegistry(loadConfig(env), process.cwd());
      exitCode = await validateFiles(terminal(), files, registry);
    });

  addEventCommands(program, env, {
    terminal,
    tenant: () => globals().tenant ?? 'default',
    online,
    done: (code) => (exitCode = code),
  });

  program
    .command('unpublish')
    .description('take a definition back: no trigger, no schedule, no start without a version any more')
    .argument('<id>', 'id of the definition')
    .action((id: string) =>
      online(async (client) => {
        await client.unpublish(id);
        terminal().data({ id, unpublished: true });
        terminal().print(`${id} is not published any more; its runs go on`);
        return EXIT.ok;
      }),
    );

  addDeadLetterCommands(program, env, { terminal, online });

  program
    .command('policy')
    .description('authorization policies')
    .command('check')
    .description('what the policies decide about every action of a definition, offline')
    .argument('<file>', 'YAML or JSON')
    .option('--principal <entity>', 'User::"name" or Service::"name" (default: as workers ask)')
    .option('--actor <name>', 'for whom the run would act')
    .option('--dir <directory>', 'the policies (SLUICE_CEDAR_POLICY_DIR)')
    .action(async (file: string, options: Omit<PolicyCheckOptions, 'tenant'>) => {
      const config = loadConfig(env);
      const { actions } = await loadRegistry(config, process.cwd());
      const about = { ...options, tenant: globals().tenant ?? 'default' };
      exitCode = await checkPolicies(terminal(), file, about, config, actions);
    });

  program
    .command('functions')
    .description('list what an expression may call')
    .action(() => listFunctions(terminal()));

  program
    .command('migrate')
    .description("bring the database's schema up to date; a worker does so when it starts")
    .option('--status', 'show the migrations and apply none; exit code 1 where some are missing')
    .action(async (options: { status?: boolean }) => {
      exitCode = await migrateDatabase(terminal(), loadConfig(env), options);
    });

  program
    .command('rebuild')
    .description("recompute the derived rows of runs from their logs, or the logs from Temporal's history")
    .argument('[id...]', 'run ids, with --from-temporal workflow ids (default: all)')
    .option('--from-temporal', 'read the events from the histories that Temporal still has')
    .action(async (ids: string[], { fromTemporal }: { fromTemporal?: boolean }) => {
      const options = { ids, tenant: globals().tenant };
      await withProjections(loadConfig(env), async (projections) => {
        if (fromTemporal !== true) {
          exitCode = await rebuildFromLog(terminal(), projections, options);
          return;
        }
        await online(({ temporal }) => rebuildFromTemporal(terminal(), projections, temporal, options));
      });
    });

  program
    .command('prune')
    .description('remove closed runs past their retention, with all that belongs to them')
    .option('--days <number>', 'age, in days since the run ended (SLUICE_RETENTION_DAYS)', days)
    .action(async (options: { days?: number }) => {
      exitCode = await pruneClosedRuns(terminal(), loadConfig(env), options.days);
    });

  try {
    await program.parseAsync([...argv]);
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return exitCodeOf(terminal().error(thrown));
  }
  return exitCode;
}

/** The configuration of the environment, with what the command line says instead. */
async function connect(options: GlobalOptions, env: Environment, bus?: EventBus): Promise<SluiceClient> {
  const { temporal, taskQueue } = loadConfig({
    ...env,
    ...(options.address !== undefined && { TEMPORAL_ADDRESS: options.address }),
    ...(options.namespace !== undefined && { TEMPORAL_NAMESPACE: options.namespace }),
    ...(options.taskQueue !== undefined && { SLUICE_TASK_QUEUE: options.taskQueue }),
  });
  const { address, ...connectionOptions } = await temporalConnectionOptions(temporal);
  return createSluiceClient({
    address,
    connectionOptions,
    namespace: temporal.namespace,
    taskQueue,
    actor: env.USER || 'sluice-cli',
    ...(bus !== undefined && { bus }),
    ...(options.tenant !== undefined && { tenant: options.tenant }),
  });
}

function wholeNumber(value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new InvalidArgumentError('It must be a whole number from 1.');
  return number;
}

function days(value: string): number {
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number) || number < 0)
    throw new InvalidArgumentError('It must be a number from 0.');
  return number;
}
