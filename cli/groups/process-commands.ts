/** The commands that run until they are stopped: dev, worker, bridge. */
import type { Command } from 'commander';
import type { DevOptions } from '../commands/processes/dev.js';
import type { CommandContext } from '../context/context.js';

/** Adds them. */
export function addProcessCommands(program: Command, context: CommandContext): void {
  const { env, terminal, done } = context;

  program
    .command('dev')
    .description(
      'everything on this machine: Temporal and its Web UI, a database, a worker, the event bridge',
    )
    .argument('[file...]', 'definitions to publish, YAML or JSON')
    .option('--example', 'publish the examples that Sluice comes with, and run an order')
    .option('--once', 'end when that is done')
    .action(async (files: string[], options: DevOptions) => {
      const { serveDev } = await import('../commands/processes/dev.js');
      done(await serveDev(terminal(), env(), files, options));
    });

  program
    .command('worker')
    .description('run workflows and actions, until stopped')
    .action(async () => {
      const { serveWorker } = await import('../commands/processes/worker.js');
      done(await serveWorker(env()));
    });

  program
    .command('bridge')
    .description('route events from HTTP and from Redis to runs, until stopped')
    .action(async () => {
      const { serveBridge } = await import('../commands/processes/bridge.js');
      done(await serveBridge(env()));
    });
}
