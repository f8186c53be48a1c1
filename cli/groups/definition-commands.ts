/**
 * The commands for definitions and policies: validate, lsp, publish, unpublish, run, types, functions, policy
 * check.
 */
import type { Command } from 'commander';
import type { PolicyCheckOptions } from '../commands/definitions/policy-check.js';
import type { RunOptions } from '../commands/runs/run.js';
import { wholeNumber, type CommandContext } from '../context/context.js';

/** Adds the commands. */
export function addDefinitionCommands(program: Command, context: CommandContext): void {
  const { terminal, tenant, online, reading, starting, config, done } = context;

  program
    .command('validate')
    .description('check definitions offline; reports every problem with file, line and column')
    .argument('<file...>', 'YAML or JSON')
    .option('--strict', 'warnings are errors')
    .action(async (files: string[], { strict = false }: { strict?: boolean }) => {
      const { validateCommand } = await import('../commands/definitions/validate.js');
      const { loadRegistry } = await import('../../worker/processes/load-registry.js');
      const registry = await loadRegistry(await config(), process.cwd());
      done(await validateCommand(terminal(), files, registry, strict));
    });

  program
    .command('lsp')
    .description(
      'language server for editors: problems, completion, hover, steps; over standard input and output',
    )
    .option('--stdio', 'the only way, which editors may name')
    .action(async () => {
      const { lspCommand } = await import('../commands/definitions/lsp.js');
      const { loadRegistry } = await import('../../worker/processes/load-registry.js');
      done(await lspCommand(async (directory) => loadRegistry(await config(), directory)));
    });

  program
    .command('publish')
    .description('publish definitions; publishing the same document again changes nothing')
    .argument('<file...>', 'YAML or JSON')
    .action(async (files: string[]) => {
      const { publishCommand } = await import('../commands/definitions/publish.js');
      await online((client) => publishCommand(client, terminal(), files));
    });

  program
    .command('unpublish')
    .description(
      'unpublish a definition: stops its triggers and schedules; starts then need an explicit --version',
    )
    .argument('<id>', 'id of the definition')
    .action(async (id: string) => {
      const { unpublishCommand } = await import('../commands/definitions/publish.js');
      await online((client) => unpublishCommand(client, terminal(), id));
    });

  program
    .command('run')
    .description('start a run of a published definition and follow it until it ends')
    .argument('<id>', 'id of the definition')
    .option('--input <json>', 'the payload: JSON, or @FILE', '{}')
    .option('--version <number>', 'version of the definition (default: the latest)', wholeNumber)
    .option('--workflow-id <id>', 'default: <definition id>/<uuid>')
    .option('--detach', 'print the workflow id and exit without waiting')
    .action(async (id: string, options: RunOptions) => {
      const { readJsonInput } = await import('../terminal/input.js');
      const { runDefinitionCommand } = await import('../commands/runs/run.js');
      const payload = await readJsonInput(options.input);
      await starting((client) => runDefinitionCommand(client, terminal(), id, { ...options, payload }));
    });

  program
    .command('types')
    .description('generate TypeScript types of payloads from the payloadSchema of definitions')
    .argument('<file or id...>', 'YAML or JSON, or the id of a published definition')
    .option('--out <file>', 'default: standard output')
    .action(async (names: string[], { out }: { out?: string }) => {
      const { typesCommand } = await import('../commands/definitions/types.js');
      const code = await typesCommand(terminal(), names, out, (work) =>
        reading(async (client) => {
          await work(client);
          return 0;
        }),
      );
      done(code);
    });

  program
    .command('functions')
    .description('list the functions that an expression may call')
    .action(async () => {
      const { functionsCommand } = await import('../commands/definitions/functions.js');
      functionsCommand(terminal());
    });

  program
    .command('policy')
    .description('check authorization policies')
    .command('check')
    .description('show offline what the policies decide about every step of a definition that acts')
    .argument('<file>', 'YAML or JSON')
    .option(
      '--principal <entity>',
      'User::"name" or Service::"name" (default: the principal that workers use)',
    )
    .option('--actor <name>', 'actor of the run (default: sluice-cli)')
    .option('--dir <directory>', 'directory of the policies (SLUICE_CEDAR_POLICY_DIR)')
    .action(async (file: string, options: Omit<PolicyCheckOptions, 'tenant'>) => {
      const { policyCheckCommand } = await import('../commands/definitions/policy-check.js');
      const { loadRegistry } = await import('../../worker/processes/load-registry.js');
      const loaded = await config();
      const { actions } = await loadRegistry(loaded, process.cwd());
      const given = { ...options, tenant: tenant() };
      done(await policyCheckCommand(terminal(), file, given, { config: loaded, actions }));
    });
}
