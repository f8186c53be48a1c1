/** The commands that run until stopped: dev, worker, bridge. */
import type { Command } from 'commander';
import type { DevOptions } from '../commands/processes/dev.js';
import type { CommandContext } from '../context/context.js';

/** Adds the commands. */
export function addProcessCommands(program: Command, context: CommandContext): void {
  const { env, terminal, done } = context;

  program
    .command('dev')
    .description(
      'run everything on this machine: Temporal with its Web UI, a database, a worker, the bridge and the API',
    )
    .argument('[file...]', 'definitions to publish, YAML or JSON')
    .option('--example', 'publish the bundled examples and run an order')
    .option('--once', 'stop when everything is published and the example has run')
    .action(async (files: string[], options: DevOptions) => {
      const { devCommand } = await import('../commands/processes/dev.js');
      done(await devCommand(terminal(), env(), files, options));
    });

  program
    .command('worker')
    .description('run workflows and actions until stopped')
    .action(async () => {
      const { workerCommand } = await import('../commands/processes/worker.js');
      done(await workerCommand(env()));
    });

  program
    .command('bridge')
    .description('route events from HTTP and Redis to runs until stopped')
    .action(async () => {
      const { bridgeCommand } = await import('../commands/processes/bridge.js');
      done(await bridgeCommand(env()));
    });
}
