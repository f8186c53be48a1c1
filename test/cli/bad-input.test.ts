/** Invalid input for every command: a coded error, the right exit code, and no changes. */
import type { Argument, Command, Option } from 'commander';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { main } from '../../cli/main.js';
import { createProgram } from '../../cli/program.js';
import type { StartedRun } from '../../client/index.js';
import { useApi } from '../api/support/api.js';
import { allRows } from '../client/support/all-rows.js';
import { waitFor } from '../support/wait-for.js';

interface Outcome {
  readonly code: number;
  readonly error: string | undefined;
  readonly stderr: string;
}

/** Runs one command line in this process with `--json`. */
async function sluice(args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  const written = { out: '', err: '' };
  const out = vi
    .spyOn(process.stdout, 'write')
    .mockImplementation((text) => ((written.out += String(text)), true));
  const err = vi
    .spyOn(process.stderr, 'write')
    .mockImplementation((text) => ((written.err += String(text)), true));
  try {
    const code = await main(['node', 'sluice', ...args, '--json'], env);
    const lines = written.out.split('\n').filter((line) => line.includes('"error"'));
    const last = lines.map((line) => (JSON.parse(line) as { error?: { code: string } }).error?.code).at(-1);
    return { code, error: last, stderr: written.err };
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
}

interface Leaf {
  readonly path: string[];
  readonly command: Command;
}

function leaves(command: Command, path: string[]): Leaf[] {
  const subs = command.commands.filter((sub) => sub.name() !== 'help' && sub.name() !== 'completion-server');
  const own =
    path.length > 0 && (subs.length === 0 || command.registeredArguments.length > 0)
      ? [{ path, command }]
      : [];
  return [...own, ...subs.flatMap((sub) => leaves(sub, [...path, sub.name()]))];
}

const { program } = createProgram({}, () => undefined);
const commands = leaves(program, []);
const argumentsOf = (given: readonly Argument[]): string[] =>
  given.filter(({ required }) => required).map(({ argChoices }) => argChoices?.[0] ?? 'x');
const needed = ({ options }: Command): string[] =>
  options.filter(({ mandatory }) => mandatory).flatMap(({ long }) => [long ?? '', 'x']);
/** Options that do not accept arbitrary text. */
const strict = ({ options }: Command): readonly Option[] =>
  options.filter(
    ({ argChoices, parseArg, flags }) =>
      argChoices !== undefined || (parseArg !== undefined && /<(number|instant|indexes)>/.test(flags)),
  );

afterEach(() => vi.restoreAllMocks());

describe('every command', () => {
  it('the tree of commands has more than 30 leaves', () => expect(commands.length).toBeGreaterThan(30));

  it.each(commands.map(({ path, command }) => [path.join(' '), path, command] as const))(
    '%s refuses an unknown option, a missing argument and an invalid value of an option',
    async (_name, path, command) => {
      const complete = [...path, ...argumentsOf(command.registeredArguments), ...needed(command)];
      const wrong: string[][] = [[...complete, '--no-such-option']];
      if (command.registeredArguments.some(({ required }) => required)) wrong.push(path);
      if (command.registeredArguments.every(({ variadic }) => !variadic)) {
        wrong.push([...complete, 'one', 'too', 'many', 'of', 'them']);
      }
      for (const { long } of strict(command)) wrong.push([...complete, long ?? '', 'not-a-value']);
      for (const args of wrong) {
        expect({ args, ...(await sluice(args)) }).toMatchObject({ args, code: 2, error: 'USAGE_INVALID' });
      }
    },
  );
});

describe('a JSON argument', () => {
  it.each([
    [['run', 'x', '--input', '{"account":9007199254740993}'], 'PAYLOAD_INVALID'],
    [['runs', 'rerun', 'x', '--payload', '{"__proto__":1}'], 'PAYLOAD_INVALID'],
    [['runs', 'signal', 'x', 'GO', '--payload', '[1e400]'], 'EVENT_INVALID'],
    [['events', 'publish', 'GO', '--payload', '-9007199254740993'], 'EVENT_INVALID'],
  ])('[nothing-is-rounded] %j is refused with %s, before anything is called', async (args, error) => {
    expect(await sluice(args)).toMatchObject({ error });
  });
});

describe('an id', () => {
  const api = useApi();
  let run: StartedRun;
  beforeAll(async () => {
    run = await api().sluice.startSource(
      'id: bad-input\nversion: 1\nsteps:\n  - { id: pause, type: event.wait, eventName: GO }\n',
    );
    // Wait for the rows, because the test compares them below.
    const { projections, tenant } = api().sluice;
    await waitFor(async () => (await projections.reads.getRun(tenant, run.runId))?.status === 'WAITING');
  });

  const OF_RUNS: readonly (readonly [string, ...string[]])[] = [
    ...['show', 'steps', 'events', 'waits', 'invocations', 'evidence', 'inbound'].map(
      (what) => [what] as const,
    ),
    ...['cancel', 'terminate', 'rerun', 'export'].map((act) => [act] as const),
    ['rewind', 'steps[0]'],
    ['signal', 'GO'],
  ];

  function environment(as: 'operator' | 'other'): Record<string, string> {
    const { url, token, sluice: stack } = api();
    return {
      TEMPORAL_ADDRESS: stack.temporal.address,
      TEMPORAL_NAMESPACE: stack.temporal.namespace,
      SLUICE_TASK_QUEUE: stack.taskQueue,
      SLUICE_API_URL: url,
      SLUICE_API_TOKEN: token[as],
    };
  }

  it('the id of a missing run or of another tenant’s run is RUN_NOT_FOUND for every command, and changes nothing', async () => {
    const { sluice: stack } = api();
    const before = await allRows(stack.projections);
    const tries = [
      { as: 'operator' as const, tenant: stack.tenant, id: '00000000-0000-7000-8000-000000000000' },
      { as: 'operator' as const, tenant: stack.tenant, id: "x' OR 1=1 --" },
      { as: 'other' as const, tenant: 'other', id: run.runId },
    ];
    for (const { as, tenant, id } of tries) {
      for (const [what, ...more] of OF_RUNS) {
        const outcome = await sluice(['runs', what, id, ...more, '--tenant', tenant], environment(as));
        expect({ what, id, as, ...outcome }).toMatchObject({ what, code: 1, error: 'RUN_NOT_FOUND' });
      }
    }
    expect(await allRows(stack.projections)).toBe(before);
    expect((await stack.client.state(run.workflowId)).status).toBe('WAITING');
  });

  it('a run of a tenant that the token is not bound to is TENANT_FORBIDDEN', async () => {
    const args = ['runs', 'show', run.runId, '--tenant', 'somebody-else'];
    expect(await sluice(args, environment('operator'))).toMatchObject({ code: 1, error: 'TENANT_FORBIDDEN' });
    const wrong = { ...environment('operator'), SLUICE_API_TOKEN: 'not-a-token' };
    expect(await sluice(args, wrong)).toMatchObject({ code: 1, error: 'UNAUTHENTICATED' });
  });

  it.each([
    [['definitions', 'show', 'no-such-definition'], 'DEFINITION_NOT_FOUND'],
    [['unpublish', 'no-such-definition'], 'DEFINITION_NOT_FOUND'],
    [['definitions', 'promote', 'no-such-definition', '1'], 'DEFINITION_NOT_FOUND'],
    [['run', 'no-such-definition'], 'DEFINITION_NOT_FOUND'],
    [['dead-letters', 'show', 'none'], 'DEAD_LETTER_NOT_FOUND'],
    [['dead-letters', 'dismiss', 'none'], 'DEAD_LETTER_NOT_FOUND'],
    [['dead-letters', 'retry', 'none'], 'DEAD_LETTER_NOT_FOUND'],
  ])('%j refuses the id of something that does not exist', async (args, error) => {
    const outcome = await sluice([...args, '--tenant', api().sluice.tenant], environment('operator'));
    expect(outcome).toMatchObject({ code: 1, error });
  });
});
