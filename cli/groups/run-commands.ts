/** `sluice runs …` and `sluice definitions …`. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { RunStatus } from '../../contracts/run/run.js';
import type { BulkFlags } from '../commands/runs/runs-act.js';
import type { PageOptions, RunSelection } from '../commands/runs/runs-show.js';
import { wholeNumber, type CommandContext } from '../context/context.js';

/** Every status. Importing the schema would load zod for `sluice --help`. */
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

/** Adds the commands. */
export function addRunCommands(program: Command, context: CommandContext): void {
  const runs = program
    .command('runs')
    .description(
      'inspect, stop, re-run and rewind runs (reads SLUICE_API_URL, or SURREAL_URL if that is a server)',
    );
  addShowCommands(runs, context);
  addActCommands(runs, context);
  addBulkCommands(runs, context);
  addLegacyCommands(runs);
  addDefinitionShowCommands(program, context);
}

const paged = (command: Command): Command =>
  command
    .option('--limit <number>', 'maximum number of items (default 50, at most 500)', wholeNumber)
    .option('--after <cursor>', 'cursor that the previous page printed');

const unredacted = (command: Command): Command =>
  command.option('--unredacted', 'show values that the payloadSchema marks writeOnly');

const filtered = (command: Command): Command =>
  command
    .addOption(new Option('--status <status>', 'only runs with this status').choices(Object.keys(STATUSES)))
    .option('--definition <id>', 'only runs of this definition')
    .option('--state <name>', 'only runs in this business state')
    .option('--key <text>', 'only runs with this correlation key')
    .option('--parent <run id>', 'only children of this run')
    .option('--rerun-of <run id>', 'only re-runs of this run')
    .option('--from <instant>', 'only runs started at or after this instant (ISO 8601)', instant)
    .option('--before <instant>', 'only runs started before this instant (ISO 8601)', instant)
    .addOption(since());

/** `--since 24h`: the original start, also of a run that was rewound. */
const since = (): Option =>
  new Option('--since <time>', 'only runs started in this time until now: 30m, 24h, 7d')
    .argParser(sinceNow)
    .conflicts('from');

/** Milliseconds of the units of `--since`. */
const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

function sinceNow(text: string): string {
  const [, count, unit = ''] = /^(\d{1,5})([mhd])$/.exec(text) ?? [];
  const unitMs = UNIT_MS[unit];
  if (count === undefined || unitMs === undefined) {
    throw new InvalidArgumentError('Write a number and a unit, such as 30m, 24h or 7d.');
  }
  return new Date(Date.now() - Number(count) * unitMs).toISOString();
}

function addShowCommands(runs: Command, { terminal, reading }: CommandContext): void {
  unredacted(paged(filtered(runs.command('list').description('list runs, newest first')))).action(
    async (options: RunSelection & PageOptions) => {
      const { listRunsCommand } = await import('../commands/runs/runs-show.js');
      await reading((client) => listRunsCommand(client, terminal(), options));
    },
  );
  unredacted(
    runs
      .command('find')
      .description(
        'find the runs that a text may mean: a run id, a workflow id, a key, or what looks like it',
      )
      .argument('<text>', 'run id, workflow id, or correlation key as started or as waited for')
      .addOption(new Option('--status <status>', 'only runs with this status').choices(Object.keys(STATUSES)))
      .option('--definition <id>', 'only runs of this definition')
      .addOption(since())
      .option('--most <number>', 'number of runs to look through (default 2000, at most 20000)', wholeNumber),
  ).action(async (text: string, options: RunSelection & { most?: number; unredacted?: boolean }) => {
    const { findRunsCommand } = await import('../commands/runs/runs-show.js');
    await reading((client) => findRunsCommand(client, terminal(), text, options));
  });
  unredacted(runs.command('show').description('show one run').argument('<id>', 'run id')).action(
    async (id: string, options: PageOptions) => {
      const { showRunCommand } = await import('../commands/runs/runs-show.js');
      await reading((client) => showRunCommand(client, terminal(), id, options));
    },
  );
  unredacted(
    runs
      .command('explain')
      .description('say in plain words what happened to one run, and what would help')
      .argument('<id>', 'run id'),
  ).action(async (id: string, options: PageOptions) => {
    const { explainRunCommand } = await import('../commands/runs/runs-show.js');
    await reading((client) => explainRunCommand(client, terminal(), id, options));
  });
  for (const [what, description] of [
    ['steps', 'show the steps of a run in the order in which they started'],
    ['events', 'show the log of a run'],
    ['waits', 'show the waits of a run'],
    ['invocations', 'show the ledger entries of the actions of a run'],
    ['evidence', 'show the policy decisions about the actions of a run'],
    ['inbound', 'show the events that a run received, as the bridge recorded them'],
    ['audit', 'show who acted on a run through the API'],
  ] as const) {
    const command = unredacted(paged(runs.command(what).description(description).argument('<id>', 'run id')));
    if (what === 'events') command.option('--superseded', 'include events that a reset superseded');
    command.action(async (id: string, options: PageOptions) => {
      const { showPartOfRunCommand } = await import('../commands/runs/runs-show.js');
      await reading((client) => showPartOfRunCommand(client, terminal(), what, { ...options, runId: id }));
    });
  }
}

function addActCommands(runs: Command, { terminal, reading, done }: CommandContext): void {
  for (const [act, description] of [
    ['cancel', 'ask a run to stop; it cleans up and ends CANCELED'],
    ['terminate', 'end a run at once, without clean-up or compensation'],
  ] as const) {
    runs
      .command(act)
      .description(description)
      .argument('<id>', 'run id')
      .option('--reason <text>', 'reason, recorded in the audit')
      .action(async (id: string, { reason }: { reason?: string }) => {
        const { stopCommand } = await import('../commands/runs/runs-act.js');
        await reading((client) => stopCommand(client, terminal(), id, { act, reason }));
      });
  }
  runs
    .command('rerun')
    .description('start a new run with the original payload and the pinned definition of another run')
    .argument('<id>', 'run id')
    .option('--payload <json>', 'use this payload instead: JSON, or @FILE')
    .option('--workflow-id <id>', 'default: <definition id>/<uuid>')
    .option('--while-open', 'allow this while the other run is still open')
    .action(
      async (
        id: string,
        { payload, ...options }: { payload?: string; workflowId?: string; whileOpen?: boolean },
      ) => {
        const { readJsonInput } = await import('../terminal/input.js');
        const { rerunCommand } = await import('../commands/runs/runs-act.js');
        const given = payload === undefined ? {} : { payload: await readJsonInput(payload) };
        await reading((client) => rerunCommand(client, terminal(), id, { ...options, ...given }));
      },
    );
  runs
    .command('rewind')
    .description('rewind a run to a step: that step and everything that started after it runs again')
    .argument('<id>', 'run id')
    .argument('<step>', 'path of the step, such as steps[1].then[0]')
    .option('--iteration <indexes>', 'iteration of the enclosing loops, outermost first: 2 or 0,3', indexes)
    .option('--reason <text>', 'reason, recorded in the audit')
    .option('--operation-id <text>', 'id of this rewind: letters and digits; the same id again has no effect')
    .action(
      async (
        id: string,
        step: string,
        options: { iteration?: number[]; reason?: string; operationId?: string },
      ) => {
        const { rewindCommand } = await import('../commands/runs/runs-act.js');
        await reading((client) => rewindCommand(client, terminal(), id, { ...options, stepPath: step }));
      },
    );
  runs
    .command('signal')
    .description('send an event to one run, bypassing the bridge')
    .argument('<id>', 'run id')
    .argument('<event>', 'name of the event')
    .option('--payload <json>', 'JSON, or @FILE', 'null')
    .option('--key <text>', 'correlation key')
    .option('--id <text>', 'event id; the same id again has no effect (default: a new id)')
    .option('--source <text>', 'source of the event (default sluice-client)')
    .option('--human', 'send the signal humanTask; a run rejects it in this form, so act with `sluice tasks`')
    .action(
      async (
        id: string,
        event: string,
        options: { payload: string; key?: string; id?: string; source?: string; human?: boolean },
      ) => {
        const { readJsonInput } = await import('../terminal/input.js');
        const { signalCommand } = await import('../commands/runs/runs-act.js');
        const payload = await readJsonInput(options.payload, 'EVENT_INVALID');
        await reading((client) =>
          signalCommand(client, terminal(), id, { ...options, eventName: event, payload }),
        );
      },
    );
  unredacted(
    runs
      .command('export')
      .description('export one run as a JSON bundle with a digest')
      .argument('<id>', 'run id')
      .option('--out <file>', 'default: standard output'),
  ).action(async (id: string, options: { out?: string; unredacted?: boolean }) => {
    const { exportCommand } = await import('../commands/runs/runs-act.js');
    await reading((client) => exportCommand(client, terminal(), id, options));
  });
  runs
    .command('verify')
    .description('check offline that a bundle is unchanged since its export')
    .argument('<file>', 'path of the bundle')
    .action(async (file: string) => {
      const { verifyCommand } = await import('../commands/runs/runs-act.js');
      done(await verifyCommand(terminal(), file));
    });
}

function addBulkCommands(runs: Command, { terminal, reading }: CommandContext): void {
  const bulk = runs
    .command('bulk')
    .description('act on every matching run; a failure does not stop the others');
  for (const [act, description] of [
    ['cancel', 'cancel every matching open run'],
    ['terminate', 'terminate every matching open run'],
    ['rerun', 're-run every matching closed run from the start; this repeats every effect, charges too'],
    ['rewind', 'rewind every matching closed run to the step that failed, and run it from there'],
  ] as const) {
    const command = filtered(bulk.command(act).description(description))
      .option('--all', 'act on every run of the tenant; required if no other option selects runs')
      .option('--dry-run', 'list the matching runs and change nothing')
      .option('--concurrency <number>', 'number of runs handled at once (default 8, at most 50)', wholeNumber)
      .option('--limit <number>', 'maximum number of runs to act on', wholeNumber);
    if (act === 'rerun' || act === 'rewind') {
      command
        .option('--operation-id <text>', 'id of this operation; repeating it acts on no run twice')
        .option('--rerun-too', 'include runs that have been re-run already');
    }
    if (act === 'rerun') command.option('--while-open', 'include runs that have not ended');
    else command.option('--reason <text>', 'reason, recorded in the audit');
    if (act === 'rewind') {
      command
        .option('--from-failed-step', 'go back to the step that failed (the default)')
        .addOption(
          new Option('--step <path>', 'go back to this step instead, such as steps[1]').conflicts(
            'fromFailedStep',
          ),
        );
    }
    command.action(async (options: BulkFlags) => {
      const { bulkCommand } = await import('../commands/runs/runs-act.js');
      await reading((client) => bulkCommand(client, terminal(), act, options));
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
      .description('not supported; prints what to do instead')
      .argument('<id>', 'run id')
      .action(async (id: string) => {
        const { refuseLegacyCommand } = await import('../commands/runs/runs-act.js');
        refuseLegacyCommand(action, id);
      });
  }
}

function addDefinitionShowCommands(program: Command, { terminal, online, reading }: CommandContext): void {
  const definitions = program
    .command('definitions')
    .description('inspect published definitions, and choose the version that a start takes');
  definitions
    .command('promote')
    .description(
      'make a published version the one that a start takes, with its triggers and schedules; open runs keep theirs',
    )
    .argument('<id>', 'id of the definition')
    .argument('<version>', 'a published version', wholeNumber)
    .action(async (id: string, version: number) => {
      const { promoteCommand } = await import('../commands/definitions/publish.js');
      await online((client) => promoteCommand(client, terminal(), id, version));
    });
  paged(definitions.command('list').description('list definitions by id, including unpublished ones')).action(
    async (options: PageOptions) => {
      const { listDefinitionsCommand } = await import('../commands/runs/runs-show.js');
      await reading((client) => listDefinitionsCommand(client, terminal(), options));
    },
  );
  definitions
    .command('show')
    .description('show the source of a definition, its hash and its versions')
    .argument('<id>', 'id of the definition')
    .option('--version <number>', 'default: the version that a start uses', wholeNumber)
    .action(async (id: string, options: { version?: number }) => {
      const { showDefinitionCommand } = await import('../commands/runs/runs-show.js');
      await reading((client) => showDefinitionCommand(client, terminal(), id, options));
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
