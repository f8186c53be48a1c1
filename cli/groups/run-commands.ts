/** `sluice runs …` and `sluice definitions …`. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { RunStatus } from '../../contracts/run/run.js';
import type { BulkCommand } from '../commands/runs/runs-act.js';
import type { PageOptions, RunSelection } from '../commands/runs/runs-show.js';
import { wholeNumber, type CommandContext } from '../context/context.js';

/** Every status, by name: the schema itself would be loaded for `sluice --help`. */
const STATUSES: Readonly<Record<RunStatus, true>> = {
  PENDING: true,
  RUNNING: true,
  WAITING: true,
  COMPENSATING: true,
  SUCCEEDED: true,
  FAILED: true,
  CANCELED: true,
  TERMINATED: true,
  TIMED_OUT: true,
  INTERRUPTED: true,
};

/** Adds them. */
export function addRunCommands(program: Command, context: CommandContext): void {
  const runs = program
    .command('runs')
    .description(
      'runs: look at them, stop them, do them again (read from SLUICE_API_URL, or from SURREAL_URL of a server)',
    );
  addShowCommands(runs, context);
  addActCommands(runs, context);
  addBulkCommands(runs, context);
  addLegacyCommands(runs);
  addDefinitionShowCommands(program, context);
}

const paged = (command: Command): Command =>
  command
    .option('--limit <number>', 'at most so many (default 50, at most 500)', wholeNumber)
    .option('--after <cursor>', 'where the page before ended');

const unredacted = (command: Command): Command =>
  command.option('--unredacted', 'values that the payloadSchema marks writeOnly as they are');

const filtered = (command: Command): Command =>
  command
    .addOption(new Option('--status <status>', 'only those').choices(Object.keys(STATUSES)))
    .option('--definition <id>', 'only of that definition')
    .option('--state <name>', 'only in that business state')
    .option('--key <text>', 'only with that correlation key')
    .option('--parent <run id>', 'only children of that run')
    .option('--rerun-of <run id>', 'only re-runs of that run')
    .option('--from <instant>', 'started then or later (ISO 8601)', instant)
    .option('--before <instant>', 'started before (ISO 8601)', instant);

function addShowCommands(runs: Command, { terminal, reading }: CommandContext): void {
  unredacted(paged(filtered(runs.command('list').description('runs, newest first')))).action(
    async (options: RunSelection & PageOptions) => {
      const { listRuns } = await import('../commands/runs/runs-show.js');
      await reading((client) => listRuns(client, terminal(), options));
    },
  );
  unredacted(runs.command('show').description('one run').argument('<id>', 'run id')).action(
    async (id: string, options: PageOptions) => {
      const { showRun } = await import('../commands/runs/runs-show.js');
      await reading((client) => showRun(client, terminal(), id, options));
    },
  );
  for (const [what, description] of [
    ['steps', 'its steps, in the order in which they began'],
    ['events', 'its log'],
    ['waits', 'its waits'],
    ['invocations', 'what the ledger has of its actions'],
    ['evidence', 'why its actions were let act, or not'],
    ['inbound', 'the events that it got, as the bridge recorded them'],
  ] as const) {
    const command = unredacted(paged(runs.command(what).description(description).argument('<id>', 'run id')));
    if (what === 'events') command.option('--superseded', 'also what a reset has undone');
    command.action(async (id: string, options: PageOptions) => {
      const { showOfRun } = await import('../commands/runs/runs-show.js');
      await reading((client) => showOfRun(client, terminal(), what, id, options));
    });
  }
}

function addActCommands(runs: Command, { terminal, reading, done }: CommandContext): void {
  for (const [act, description] of [
    ['cancel', 'ask a run to stop: it cleans up and ends CANCELED'],
    ['terminate', 'end a run at once, without clean-up or compensation'],
  ] as const) {
    runs
      .command(act)
      .description(description)
      .argument('<id>', 'run id')
      .option('--reason <text>', 'why, for the audit')
      .action(async (id: string, options: { reason?: string }) => {
        const { stopRun } = await import('../commands/runs/runs-act.js');
        await reading((client) => stopRun(client, terminal(), act, id, options));
      });
  }
  runs
    .command('rerun')
    .description('start a fresh run from the original payload and the pinned definition of another one')
    .argument('<id>', 'run id')
    .option('--payload <json>', 'another payload: JSON, or @FILE')
    .option('--workflow-id <id>', 'default: <definition id>/<uuid>')
    .option('--while-open', 'though the other one has not ended')
    .action(
      async (
        id: string,
        { payload, ...options }: { payload?: string; workflowId?: string; whileOpen?: boolean },
      ) => {
        const { readJsonInput } = await import('../terminal/input.js');
        const { rerunRun } = await import('../commands/runs/runs-act.js');
        const given = payload === undefined ? {} : { payload: await readJsonInput(payload) };
        await reading((client) => rerunRun(client, terminal(), id, { ...options, ...given }));
      },
    );
  runs
    .command('rewind')
    .description('take a run back to a step: that and what began after it is done again')
    .argument('<id>', 'run id')
    .argument('<step>', 'path of the step, such as steps[1].then[0]')
    .option('--iteration <indexes>', 'of the loops around it, outermost first: 2 or 0,3', indexes)
    .option('--reason <text>', 'why, for the audit')
    .action(async (id: string, step: string, options: { iteration?: number[]; reason?: string }) => {
      const { rewindRun } = await import('../commands/runs/runs-act.js');
      await reading((client) => rewindRun(client, terminal(), id, step, options));
    });
  runs
    .command('signal')
    .description('send an event to one run, past the bridge')
    .argument('<id>', 'run id')
    .argument('<event>', 'name of the event')
    .option('--payload <json>', 'JSON, or @FILE', 'null')
    .option('--key <text>', 'correlation key')
    .option('--id <text>', 'makes a repetition harmless (default: a new one)')
    .option('--source <text>', 'who sends it (default sluice-client)')
    .option('--human', 'it answers a human task')
    .action(
      async (
        id: string,
        event: string,
        options: { payload: string; key?: string; id?: string; source?: string; human?: boolean },
      ) => {
        const { readJsonInput } = await import('../terminal/input.js');
        const { signalRun } = await import('../commands/runs/runs-act.js');
        const payload = await readJsonInput(options.payload);
        await reading((client) => signalRun(client, terminal(), id, event, { ...options, payload }));
      },
    );
  unredacted(
    runs
      .command('export')
      .description('one run as one JSON bundle, with a digest')
      .argument('<id>', 'run id')
      .option('--out <file>', 'default: standard output'),
  ).action(async (id: string, options: { out?: string; unredacted?: boolean }) => {
    const { exportRun } = await import('../commands/runs/runs-act.js');
    await reading((client) => exportRun(client, terminal(), id, options));
  });
  runs
    .command('verify')
    .description('whether a bundle is as it was exported; offline')
    .argument('<file>', 'a bundle')
    .action(async (file: string) => {
      const { verifyFile } = await import('../commands/runs/runs-act.js');
      done(await verifyFile(terminal(), file));
    });
}

function addBulkCommands(runs: Command, { terminal, reading }: CommandContext): void {
  const bulk = runs
    .command('bulk')
    .description('the same on every run that fits; one that fails stops no other');
  for (const [act, description] of [
    ['cancel', 'cancel every open run that fits'],
    ['terminate', 'terminate every open run that fits'],
    ['rerun', 're-run every closed run that fits'],
  ] as const) {
    const command = filtered(bulk.command(act).description(description))
      .option('--all', 'every run of the tenant, where nothing else picks them')
      .option('--dry-run', 'say which, and do nothing')
      .option('--concurrency <number>', 'so many at once (default 8, at most 50)', wholeNumber)
      .option('--limit <number>', 'act on at most so many', wholeNumber);
    if (act === 'rerun') {
      command
        .option('--operation-id <text>', 'repeated under the same one, no run is started twice')
        .option('--while-open', 'also runs that have not ended');
    } else {
      command.option('--reason <text>', 'why, for the audit');
    }
    command.action(async (options: BulkCommand) => {
      const { bulkRuns } = await import('../commands/runs/runs-act.js');
      await reading((client) => bulkRuns(client, terminal(), act, options));
    });
  }
}

function addLegacyCommands(runs: Command): void {
  for (const [name, action] of [
    ['resume', 'resume'],
    ['retry', 'retry'],
    ['requeue-event-wait', 'requeue_event_wait'],
  ] as const) {
    runs
      .command(name)
      .description('does not exist here: says what to do instead')
      .argument('<id>', 'run id')
      .action(async (id: string) => {
        const { refuse } = await import('../commands/runs/runs-act.js');
        refuse(action, id);
      });
  }
}

function addDefinitionShowCommands(program: Command, { terminal, reading }: CommandContext): void {
  const definitions = program.command('definitions').description('what is published');
  paged(definitions.command('list').description('definitions by id, also those that were taken back')).action(
    async (options: PageOptions) => {
      const { listDefinitions } = await import('../commands/runs/runs-show.js');
      await reading((client) => listDefinitions(client, terminal(), options));
    },
  );
  definitions
    .command('show')
    .description('the source of a definition, its hash and its versions')
    .argument('<id>', 'id of the definition')
    .option('--version <number>', 'default: the one that a start takes', wholeNumber)
    .action(async (id: string, options: { version?: number }) => {
      const { showDefinition } = await import('../commands/runs/runs-show.js');
      await reading((client) => showDefinition(client, terminal(), id, options));
    });
}

function instant(value: string): string {
  if (!Number.isNaN(Date.parse(value))) return value;
  throw new InvalidArgumentError('It must be an ISO 8601 instant.');
}

function indexes(value: string): number[] {
  const parts = value.split(',').map((part) => part.trim());
  if (parts.every((part) => /^\d+$/.test(part))) return parts.map(Number);
  throw new InvalidArgumentError('It must be whole numbers from 0, separated by commas.');
}
