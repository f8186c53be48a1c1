/** The commands about definitions and policies: validate, publish, unpublish, run, functions, policy check. */
import type { Command } from 'commander';
import type { PolicyCheckOptions } from '../commands/definitions/policy-check.js';
import type { RunOptions } from '../commands/runs/run.js';
import { wholeNumber, type CommandContext } from '../context/context.js';

/** Adds them. */
export function addDefinitionCommands(program: Command, context: CommandContext): void {
  const { terminal, tenant, online, reading, config, done } = context;

  program
    .command('validate')
    .description('check definitions, offline: every problem with file, line and column')
    .argument('<file...>', 'YAML or JSON')
    .action(async (files: string[]) => {
      const { validateFiles } = await import('../commands/definitions/validate.js');
      const { loadRegistry } = await import('../../worker/processes/load-registry.js');
      done(await validateFiles(terminal(), files, await loadRegistry(await config(), process.cwd())));
    });

  program
    .command('publish')
    .description('publish definitions; the same document again changes nothing')
    .argument('<file...>', 'YAML or JSON')
    .action(async (files: string[]) => {
      const { publishFiles } = await import('../commands/definitions/publish.js');
      await online((client) => publishFiles(client, terminal(), files));
    });

  program
    .command('unpublish')
    .description('take a definition back: no trigger, no schedule, no start without a version any more')
    .argument('<id>', 'id of the definition')
    .action(async (id: string) => {
      const { unpublishDefinition } = await import('../commands/definitions/publish.js');
      await online((client) => unpublishDefinition(client, terminal(), id));
    });

  program
    .command('run')
    .description('start a run of a published definition and follow it to its end')
    .argument('<id>', 'id of the definition')
    .option('--input <json>', 'the payload: JSON, or @FILE', '{}')
    .option('--version <number>', 'version of the definition (default: the latest)', wholeNumber)
    .option('--workflow-id <id>', 'default: <definition id>/<uuid>')
    .option('--detach', 'print the workflow id and do not wait')
    .action(async (id: string, options: RunOptions) => {
      const { readJsonInput } = await import('../terminal/input.js');
      const { runDefinition } = await import('../commands/runs/run.js');
      const payload = await readJsonInput(options.input);
      await online((client) => runDefinition(client, terminal(), id, payload, options));
    });

  program
    .command('types')
    .description('make TypeScript types of what runs are started with, from the payloadSchema of definitions')
    .argument('<file or id...>', 'YAML or JSON, or the id of a published definition')
    .option('--out <file>', 'default: standard output')
    .action(async (names: string[], { out }: { out?: string }) => {
      const { writeTypes } = await import('../commands/definitions/types.js');
      const code = await writeTypes(terminal(), names, out, (work) =>
        reading(async (client) => {
          await work(client);
          return 0;
        }),
      );
      done(code);
    });

  program
    .command('functions')
    .description('list what an expression may call')
    .action(async () => {
      const { listFunctions } = await import('../commands/definitions/functions.js');
      listFunctions(terminal());
    });

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
      const { checkPolicies } = await import('../commands/definitions/policy-check.js');
      const { loadRegistry } = await import('../../worker/processes/load-registry.js');
      const loaded = await config();
      const { actions } = await loadRegistry(loaded, process.cwd());
      const about = { ...options, tenant: tenant() };
      done(await checkPolicies(terminal(), file, about, loaded, actions));
    });
}
