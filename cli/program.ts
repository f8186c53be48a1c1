/**
 * The tree of commands, with what each takes: what `sluice --help`, the shells' completion and docs/cli.md are made
 * of. Nothing is run here.
 */
import { Command } from 'commander';
import type { Environment } from '../worker/config/config.js';
import { addApiCommands } from './groups/api-commands.js';
import { addCompletionCommands, COMPLETION } from './groups/completion-commands.js';
import { createContext, type CommandContext, type GlobalOptions } from './context/context.js';
import { addDeadLetterCommands } from './groups/dead-letter-commands.js';
import { addDefinitionCommands } from './groups/definition-commands.js';
import { addEventCommands } from './groups/event-commands.js';
import { exitCodesHelp } from './terminal/exit-codes.js';
import { addMaintenanceCommands } from './groups/maintenance-commands.js';
import { addProcessCommands } from './groups/process-commands.js';
import { addRunCommands } from './groups/run-commands.js';

export interface Program {
  readonly program: Command;
  readonly context: CommandContext;
}

/**
 * Makes it.
 * @param env of the process
 * @param done gets the exit code of the command that was run
 */
export function createProgram(env: Environment, done: (code: number) => void): Program {
  const program = new Command('sluice')
    .description('Declarative, durable workflows on Temporal.')
    .option('--address <host:port>', 'Temporal (TEMPORAL_ADDRESS)')
    .option('--namespace <name>', 'Temporal namespace (TEMPORAL_NAMESPACE)')
    .option('--task-queue <name>', "the workers' task queue (SLUICE_TASK_QUEUE)")
    .option('--tenant <name>', 'tenant of what is published or started')
    .option('--json', 'one JSON value a line instead of text')
    .addHelpText('after', exitCodesHelp())
    .configureHelp({ showGlobalOptions: true })
    // What is wrong with a command line is said by main.ts, for people and for scripts alike.
    .configureOutput({ outputError: () => undefined })
    .exitOverride();
  const context = createContext(env, () => program.opts<GlobalOptions>(), done);
  // Completion writes for a shell, at each TAB, and needs none of it.
  program.hook('preAction', async (_program, command) => {
    if (!command.name().startsWith(COMPLETION)) await context.prepare();
  });
  addProcessCommands(program, context);
  addApiCommands(program, context);
  addDefinitionCommands(program, context);
  addRunCommands(program, context);
  addEventCommands(program, context);
  addDeadLetterCommands(program, context);
  addMaintenanceCommands(program, context);
  addCompletionCommands(program, context);
  return { program, context };
}
