/** `sluice api`: the HTTP API as a process, and its keys. */
import type { Command } from 'commander';
import type { KeyOptions } from '../commands/processes/api.js';
import type { CommandContext } from '../context/context.js';

/** Adds them. */
export function addApiCommands(program: Command, { env, terminal, done }: CommandContext): void {
  const api = program
    .command('api')
    .description('answer the HTTP API, until stopped')
    .action(async () => {
      const { serveApi } = await import('../commands/processes/api.js');
      done(await serveApi(env()));
    });

  const words = (text: string, before: readonly string[] = []): string[] => [...before, ...text.split(',')];
  api
    .command('key')
    .description('make a key for the API; only its hash is to be stored')
    .argument('<name>', 'who gets it: it stands in the audit')
    .requiredOption('--role <role>', 'reader, operator, publisher or admin; several by commas', words)
    .requiredOption(
      '--for-tenant <name>',
      'tenant that it is bound to, or * for all; several by commas',
      words,
    )
    .option('--expires <instant>', 'ISO instant with an offset, from which on it is refused')
    .action(async (name: string, options: { role: string[]; forTenant: string[]; expires?: string }) => {
      const { printKey } = await import('../commands/processes/api.js');
      const { role, forTenant: tenant, expires } = options;
      const chosen: KeyOptions = { role, tenant, ...(expires !== undefined && { expires }) };
      done(printKey(terminal(), name, chosen));
    });
}
