/** `sluice tasks …`. */
import { Option, type Command } from 'commander';
import type { PeopleAction } from '../../client/index.js';
import type { TaskKind, TaskPriority, TaskStatus } from '../../contracts/tasks/task.js';
import type { TaskActOptions } from '../commands/tasks/tasks-act.js';
import type { TaskPageOptions, TaskSelection } from '../commands/tasks/tasks-show.js';
import { wholeNumber, type CommandContext } from '../context/context.js';

/** Every status, kind and priority. Importing the schema would load zod for `sluice --help`. */
const STATUSES: Readonly<Record<TaskStatus, true>> = {
  requested: true,
  in_review: true,
  changes_requested: true,
  escalated: true,
  approved: true,
  rejected: true,
  answered: true,
  overridden: true,
  expired: true,
  withdrawn: true,
  superseded: true,
};

const KINDS: Readonly<Record<TaskKind, true>> = {
  human_task: true,
  exception_review: true,
  incident_review: true,
  override_review: true,
};
const PRIORITIES: Readonly<Record<TaskPriority, true>> = {
  urgent: true,
  high: true,
  normal: true,
  low: true,
};

type Field = 'reason' | 'note' | 'outcome' | 'answer' | 'evidence' | 'assignee' | 'confirm';

/** What people do, what it means, and the options that it takes. */
const ACTIONS: Readonly<Record<PeopleAction, readonly [description: string, fields: readonly Field[]]>> = {
  claim: ['claim a task, so that others leave it alone for a while', []],
  release: ['release a claimed task', []],
  answer: ['decide a task with one of its outcomes', ['outcome', 'answer', 'reason', 'evidence']],
  approve: ['approve', ['answer', 'reason', 'evidence']],
  reject: ['reject', ['answer', 'reason', 'evidence']],
  request_change: ['ask the requester for changes', ['reason', 'evidence']],
  resubmit: ['submit a task again, after changes', ['reason', 'evidence']],
  comment: ['comment on a task', ['note', 'evidence']],
  reassign: ['assign a task to others', ['assignee', 'note']],
  escalate: ['move a task one level up', ['reason', 'assignee']],
  override: ['decide a task instead of those who should', ['reason', 'evidence', 'confirm']],
};

const OPTIONS: Readonly<Record<Field, readonly (readonly [flags: string, description: string])[]>> = {
  reason: [['--reason <text>', 'why']],
  note: [['--note <text>', 'what to say']],
  outcome: [['--outcome <name>', 'one of the outcomes of the task']],
  answer: [['--answer <json>', 'answer that fits the form: JSON, or @FILE']],
  evidence: [['--evidence <json>', 'what supports it: JSON, or @FILE']],
  assignee: [
    ['--to-account <name>', 'the account that shall act'],
    ['--to-role <name>', 'the role that shall act'],
  ],
  confirm: [['--confirm <text>', 'OVERRIDE and the name of the task in upper case']],
};

/** Adds the commands. */
export function addTaskCommands(program: Command, context: CommandContext): void {
  const tasks = program
    .command('tasks')
    .description(
      'tasks of people: the inbox, and acts (reads SLUICE_API_URL, or SURREAL_URL if it is a server)',
    );
  addShowCommands(tasks, context);
  addActCommands(tasks, context);
}

const paged = (command: Command): Command =>
  command
    .option('--limit <number>', 'maximum number of items (default 50, at most 500)', wholeNumber)
    .option('--after <cursor>', 'cursor that the previous page printed');
const unredacted = (command: Command): Command =>
  command.option('--unredacted', 'show values that the form marks writeOnly');
const selecting = (command: Command): Command =>
  command
    .addOption(
      new Option('--status <status...>', 'only tasks with this status, or one of these').choices(
        Object.keys(STATUSES),
      ),
    )
    .addOption(new Option('--kind <kind>', 'only tasks of this kind').choices(Object.keys(KINDS)))
    .addOption(
      new Option('--priority <priority>', 'only tasks of this priority').choices(Object.keys(PRIORITIES)),
    )
    .option('--account <name>', 'only tasks that are assigned to this account')
    .option('--role <name>', 'only tasks that are assigned to this role')
    .option('--requested-by <name>', 'only tasks that this account asked for')
    .option('--claimed-by <name>', 'only tasks that this account has claimed')
    .option('--run <id>', 'only tasks that this run asked for')
    .option('--late', 'only tasks of which a deadline has passed');
const acting = (command: Command, fields: readonly Field[]): Command => {
  for (const [flags, description] of fields.flatMap((field) => OPTIONS[field])) {
    command.option(flags, description);
  }
  return command
    .option('--as <account>', 'who acts; default: the user of the system')
    .option('--as-role <name...>', 'roles of who acts')
    .option('--request-id <id>', 'makes a repetition harmless: the same id gets the first answer');
};

function addShowCommands(tasks: Command, { terminal, reading }: CommandContext): void {
  paged(
    selecting(
      tasks.command('list').description('list open tasks: late ones, then by priority, then the oldest'),
    ),
  )
    .option('--closed', 'list tasks that have ended too')
    .action(async (options: TaskSelection & TaskPageOptions) => {
      const { listTasksCommand } = await import('../commands/tasks/tasks-show.js');
      await reading((client) => listTasksCommand(client, terminal(), options));
    });
  tasks
    .command('count')
    .description('count the tasks that are open, late, and in each status')
    .action(async () => {
      const { countTasksCommand } = await import('../commands/tasks/tasks-show.js');
      await reading((client) => countTasksCommand(client, terminal()));
    });
  unredacted(tasks.command('show').description('show one task').argument('<item>')).action(
    async (item: string, options: TaskPageOptions) => {
      const { showTaskCommand } = await import('../commands/tasks/tasks-show.js');
      await reading((client) => showTaskCommand(client, terminal(), item, options));
    },
  );
  unredacted(
    paged(tasks.command('log').description('show what was done to a task').argument('<item>')),
  ).action(async (item: string, options: TaskPageOptions) => {
    const { taskLogCommand } = await import('../commands/tasks/tasks-show.js');
    await reading((client) => taskLogCommand(client, terminal(), item, options));
  });
}

function addActCommands(tasks: Command, { terminal, reading }: CommandContext): void {
  tasks
    .command('create')
    .description('ask people')
    .argument('<request>', 'what is asked (docs/tasks.md): JSON, or @FILE')
    .option('--as <account>', 'who asks; default: the user of the system')
    .action(async (request: string, options: { as?: string }) => {
      const { createTaskCommand } = await import('../commands/tasks/tasks-act.js');
      await reading((client) => createTaskCommand(client, terminal(), request, options));
    });
  for (const [action, [description, fields]] of Object.entries(ACTIONS) as [
    PeopleAction,
    (typeof ACTIONS)[PeopleAction],
  ][]) {
    const command = tasks.command(action.replaceAll('_', '-')).description(description).argument('<item>');
    acting(command, fields).action(async (item: string, options: TaskActOptions) => {
      const { actOnTaskCommand } = await import('../commands/tasks/tasks-act.js');
      await reading((client) => actOnTaskCommand(client, terminal(), { ...options, item, action }));
    });
  }
  const bulk = tasks.command('bulk').description('act on every open task that matches');
  for (const [action, [description, fields]] of Object.entries(ACTIONS) as [
    PeopleAction,
    (typeof ACTIONS)[PeopleAction],
  ][]) {
    if (action === 'override') continue;
    selecting(acting(bulk.command(action.replaceAll('_', '-')).description(description), fields))
      .option('--all', 'act on every open task of the tenant')
      .option('--dry-run', 'list the tasks and change nothing')
      .action(async (options: TaskActOptions & TaskSelection & { all?: boolean; dryRun?: boolean }) => {
        const { bulkTasksCommand } = await import('../commands/tasks/tasks-act.js');
        await reading((client) => bulkTasksCommand(client, terminal(), action, options));
      });
  }
}
