/**
 * The tree of commands with their arguments and options. `sluice --help`, shell completion and docs/cli.md
 * are generated from it. Nothing runs here.
 */
import { Command } from 'commander';
import type { Environment } from '../worker/config/config.js';
import { addApiCommands } from './groups/api-commands.js';
import { addAuditCommands } from './groups/audit-commands.js';
import { addCompletionCommands, COMPLETION } from './groups/completion-commands.js';
import { createContext, type CommandContext, type GlobalOptions } from './context/context.js';
import { addDatabaseCommands } from './groups/database-commands.js';
import { addDeadLetterCommands } from './groups/dead-letter-commands.js';
import { addDefinitionCommands } from './groups/definition-commands.js';
import { addEventCommands } from './groups/event-commands.js';
import { exitCodesHelp } from './terminal/exit-codes.js';
import { addMaintenanceCommands } from './groups/maintenance-commands.js';
import { addProcessCommands } from './groups/process-commands.js';
import { addCalendarCommands } from './groups/calendar-commands.js';
import { addTaskCommands } from './groups/task-commands.js';
import { addRunCommands } from './groups/run-commands.js';

export interface Program {
  readonly program: Command;
  readonly context: CommandContext;
}

/**
 * Builds the tree.
 * @param env environment of the process
 * @param done receives the exit code of the command
 */
export function createProgram(env: Environment, done: (code: number) => void): Program {
  const program = new Command('sluice')
    .description('Declarative, durable workflows on Temporal.')
    .option('--address <host:port>', 'Temporal (TEMPORAL_ADDRESS)')
    .option('--namespace <name>', 'Temporal namespace (TEMPORAL_NAMESPACE)')
    .option('--task-queue <name>', 'task queue of the workers (SLUICE_TASK_QUEUE)')
    .option('--tenant <name>', 'tenant that the command works in (default: default)')
    .option('--json', 'print one JSON value per line instead of text')
    .option('--verbose', 'also print the details of an error')
    .addHelpText('after', exitCodesHelp())
    .configureHelp({ showGlobalOptions: true })
    // main.ts reports usage errors, as text or as JSON.
    .configureOutput({ outputError: () => undefined })
    .exitOverride();
  const context = createContext(env, () => program.opts<GlobalOptions>(), done);
  // Completion runs at each TAB and needs neither a terminal nor what `prepare` loads.
  program.hook('preAction', async (_program, command) => {
    if (!command.name().startsWith(COMPLETION)) await context.prepare();
  });
  addProcessCommands(program, context);
  addApiCommands(program, context);
  addDefinitionCommands(program, context);
  addRunCommands(program, context);
  addTaskCommands(program, context);
  addCalendarCommands(program, context);
  addEventCommands(program, context);
  addAuditCommands(program, context);
  addDeadLetterCommands(program, context);
  addMaintenanceCommands(program, context);
  addDatabaseCommands(program, context);
  addCompletionCommands(program, context);
  return { program, context };
}
