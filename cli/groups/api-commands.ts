/** `sluice api`: the process that serves the HTTP API, and its keys. */
import type { Command } from 'commander';
import type { KeyOptions } from '../commands/processes/api.js';
import type { CommandContext } from '../context/context.js';

/** Adds the commands. */
export function addApiCommands(program: Command, { env, terminal, done }: CommandContext): void {
  const api = program
    .command('api')
    .description('serve the HTTP API until stopped')
    .action(async () => {
      const { apiCommand } = await import('../commands/processes/api.js');
      done(await apiCommand(env()));
    });

  const words = (text: string, previous: readonly string[] = []): string[] => [
    ...previous,
    ...text.split(','),
  ];
  api
    .command('key')
    .description('create a key for the API; store only its hash')
    .argument('<name>', 'name of the key holder, recorded in the audit')
    .requiredOption(
      '--role <role>',
      'reader, reviewer, operator, publisher, eraser, codec or admin; separate several with commas',
      words,
    )
    .requiredOption(
      '--for-tenant <name>',
      'tenant that the key is bound to, or * for all; separate several with commas',
      words,
    )
    .option(
      '--group <name>',
      'group of the holder, a role that tasks name; separate several with commas',
      words,
    )
    .option('--expires <instant>', 'ISO 8601 instant with an offset at which the key expires')
    .action(
      async (
        name: string,
        options: { role: string[]; forTenant: string[]; group?: string[]; expires?: string },
      ) => {
        const { apiKeyCommand } = await import('../commands/processes/api.js');
        const { role, forTenant: tenant, group, expires } = options;
        const chosen: KeyOptions = {
          ...{ role, tenant },
          ...(group !== undefined && { group }),
          ...(expires !== undefined && { expires }),
        };
        done(apiKeyCommand(terminal(), name, chosen));
      },
    );
}
