import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../worker/temporal-server/ports.js';
import { runCommand, startCommand, type CommandResult } from '../support/command.js';
import { useSluice } from '../support/sluice.js';
import { waitFor } from '../support/wait-for.js';

const BIN = fileURLToPath(new URL('../../cli/bin.mjs', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const sluice = useSluice();

let directory: string;
beforeAll(() => (directory = mkdtempSync(join(tmpdir(), 'sluice-cli-'))));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function file(name: string, content: string | Buffer): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

const offline = (...args: string[]): Promise<CommandResult> =>
  runCommand(process.execPath, [BIN, ...args], { cwd: ROOT });

function place(): string[] {
  const { temporal, taskQueue, tenant } = sluice();
  return [
    ...['--address', temporal.address, '--namespace', temporal.namespace],
    ...['--task-queue', taskQueue, '--tenant', tenant],
  ];
}
const online = (...args: string[]): Promise<CommandResult> => offline(...args, ...place());

const jsonLines = (text: string): unknown[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

const ECHO = `
id: cli-echo
version: 1
steps:
  - { id: say, type: action.call, action: core.echo, input: { $expr: payload }, saveAs: vars.said }
result: { $expr: vars.said }
`;
const FAIL = `
id: cli-fail
version: 1
steps:
  - { id: no, type: action.call, action: core.fail, input: { code: NO_FUNDS, message: Nothing left, retryable: false } }
`;
const WAIT = `
id: cli-wait
version: 1
steps:
  - { id: pause, type: event.wait, eventName: NEVER }
`;
const BROKEN =
  'id: broken\nversion: 1\nsteps:\n  - { id: a, type: actoin.call, action: core.echo }\nmore: 1\n';

describe('control characters of data', () => {
  const HOSTILE = ['\u001b]52;c;eA==\u0007', '\u009b2J', '\r', '\u202e', '\u007f'].join('x');
  // eslint-disable-next-line no-control-regex -- these are what must not be there
  const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e]/;

  it.each([[[]], [['--json']]])('errors and results pass none on (%j)', async (options) => {
    for (const args of [['validate', `/nowhere/${HOSTILE}`], [`unknown${HOSTILE}`]]) {
      const { stdout, stderr } = await offline(...args, ...options);
      expect(stdout + stderr).toContain('u001b');
      expect(stdout + stderr).not.toMatch(CONTROL);
    }
  });

  it('the progress, the error and the list of a run pass none on', async () => {
    const source = `id: cli-hostile\nversion: 1\nsteps:\n  - { id: no, type: action.call, action: core.fail, input: { code: NO, message: ${JSON.stringify(HOSTILE)}, retryable: false } }\n`;
    expect((await online('publish', file('hostile.yaml', source))).code).toBe(0);
    const { code, stdout, stderr } = await online('run', 'cli-hostile');
    expect(code).toBe(1);
    expect(stdout + stderr).toContain('u001b]52');
    expect(stdout + stderr).not.toMatch(CONTROL);
  });
});

describe('sluice validate', () => {
  it('validate reports a valid file in one line', async () => {
    const path = file('echo.yaml', ECHO);
    expect(await offline('validate', path)).toEqual({
      code: 0,
      stdout: `${path}: cli-echo version 1 is valid\n`,
      stderr: '',
    });
  });

  it('validate shows every problem of every file with file, line, column, step path and hint', async () => {
    const broken = file('broken.yaml', BROKEN);
    const unknown = file('unknown.yaml', ECHO.replace('core.echo', 'core.ehco'));
    const { code, stdout } = await offline('validate', broken, unknown, file('fine.yaml', ECHO));
    expect(code).toBe(1);
    const lines = stdout.trim().split('\n');
    expect(lines).toHaveLength(4);
    expect(lines[0]).toContain(`${broken}:4:20  steps[0]  there is no step type "actoin.call"`);
    expect(lines[0]).toContain('did you mean "action.call"?');
    expect(lines[1]).toContain(`${broken}:5:1  more`);
    expect(lines[2]).toMatch(
      /unknown\.yaml:5:\d+ {2}steps\[0\] {2}there is no action "core\.ehco" {2}\(did you mean "core\.echo"\?\)/,
    );
    expect(lines[3]).toContain('is valid');
  });

  it('[mistakes-have-cures] a warning refuses nothing, except with --strict, and a file that is not UTF-8 is refused', async () => {
    const warned = file('warned.yaml', ECHO.replace('{ $expr: payload }', 'payload.mail'));
    const plain = await offline('validate', warned);
    expect(plain.code).toBe(0);
    expect(plain.stdout).toContain('warning: "payload.mail" is text, not an expression');
    const strict = await offline('validate', '--json', '--strict', warned);
    expect(strict.code).toBe(1);
    expect(jsonLines(strict.stdout)).toMatchObject([{ valid: false, problems: [{ level: 'warning' }] }]);
    const latin = file('latin.yaml', Buffer.from('id: caf\u00e9\n', 'latin1'));
    expect((await offline('validate', latin)).stderr).toContain('is not UTF-8, first in line 1');
  });

  it('validate prints JSON for scripts', async () => {
    const { code, stdout } = await offline(
      'validate',
      '--json',
      file('broken.yaml', BROKEN),
      file('echo.yaml', ECHO),
    );
    expect(code).toBe(1);
    expect(jsonLines(stdout)).toMatchObject([
      {
        valid: false,
        problems: [{ code: 'STEP_TYPE_UNKNOWN', line: 4, column: 20 }, { code: 'KEY_UNKNOWN' }],
      },
      { valid: true, id: 'cli-echo', version: 1 },
    ]);
  });
});

it('sluice dev refuses a file with mistakes before it starts anything', async () => {
  const { code, stdout } = await offline('dev', file('broken.yaml', BROKEN), '--once');
  expect(code).toBe(1);
  expect(stdout).toContain('broken.yaml:4:20  steps[0]  there is no step type "actoin.call"');
  expect(stdout).not.toContain('Starting Sluice');
});

describe('sluice publish', () => {
  it('publish publishes a file and says if the version was already published', async () => {
    const path = file('echo.yaml', ECHO);
    expect((await online('publish', path)).stdout).toBe(`cli-echo version 1  published  (${path})\n`);
    expect((await online('publish', path)).stdout).toContain('already published');
  });

  it('publish publishes the valid files although another one is refused, and exits with 1', async () => {
    const { code, stdout } = await online('publish', file('broken.yaml', BROKEN), file('fail.yaml', FAIL));
    expect(code).toBe(1);
    expect(stdout).toContain('broken.yaml:4:20  steps[0]');
    expect(stdout).toContain('cli-fail version 1  published');
  });

  it('publish exits with 1 for another document under a published version, and says what to do', async () => {
    await online('publish', file('fail.yaml', FAIL));
    const { code, stderr } = await online('publish', file('fail.yaml', FAIL.replace('Nothing', 'Little')));
    expect(code).toBe(1);
    expect(stderr).toContain('DEFINITION_CONFLICT');
    expect(stderr).toContain('Raise `version`');
  });
});

describe('sluice run', () => {
  beforeAll(async () => {
    for (const source of [ECHO, FAIL, WAIT]) await sluice().publish(source);
  });

  it('run shows a line per step with the elapsed time, then the result', async () => {
    const { code, stdout } = await online('run', 'cli-echo', '--input', '{"a":1}');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ +\d+\.\d\d s {2}✔ say +core\.echo$/m);
    expect(stdout).toMatch(/✔ run +SUCCEEDED\n\{\n {2}"a": 1\n\}\n$/);
    expect(stdout).not.toContain('\u001b[');
  });

  it('run takes its input from a file, a workflow id and a version', async () => {
    const workflowId = `cli-echo/${sluice().tenant}`;
    const input = file('input.json', '{"from":"file"}');
    const { stdout } = await online(
      'run',
      'cli-echo',
      '--input',
      `@${input}`,
      '--workflow-id',
      workflowId,
      '--version',
      '1',
      '--json',
    );
    const lines = jsonLines(stdout);
    expect(lines[0]).toMatchObject({ type: 'started', workflowId: `~${sluice().tenant}/${workflowId}` });
    expect(lines[1]).toMatchObject({ type: 'progress', line: { type: 'RUN_STARTED' } });
    expect(lines.at(-1)).toEqual({ type: 'result', result: { from: 'file' } });
  });

  it('run exits with 1 if the run fails, and prints its code, message and step', async () => {
    const { code, stdout, stderr } = await online('run', 'cli-fail');
    expect(code).toBe(1);
    expect(stdout).toMatch(/✘ no +failed NO_FUNDS: Nothing left/);
    expect(stderr).toContain('NO_FUNDS: Nothing left\n  at steps[0]');
  });

  it('run prints the workflow id and does not wait with --detach', async () => {
    const { code, stdout } = await online('run', 'cli-wait', '--detach');
    expect(code).toBe(0);
    expect((await sluice().client.temporal.workflow.getHandle(stdout.trim()).describe()).status.name).toBe(
      'RUNNING',
    );
  });

  it('the run continues after Ctrl-C, and the command exits with 130', async () => {
    const command = startCommand(process.execPath, [BIN, 'run', 'cli-wait', ...place()], { cwd: ROOT });
    await waitFor(() => command.output().includes('waits for NEVER'));
    command.child.kill('SIGINT');
    const { code, stderr } = await command.ended;
    expect(code).toBe(130);
    const workflowId = /the run continues\. Its id: (\S+)/.exec(stderr)?.[1] ?? '';
    expect((await sluice().client.state(workflowId)).status).toBe('WAITING');
  });
});

describe('an invalid command line', () => {
  it.each([
    ['an unknown command', ['frobnicate']],
    ['a missing argument', ['run']],
    ['input that is not JSON', ['run', 'x', '--input', '{']],
    ['a missing input file', ['run', 'x', '--input', '@/nope.json']],
    ['a version that is not a number', ['run', 'x', '--version', 'one']],
  ])('%s exits with 2', async (_name, args) => {
    const { code, stderr } = await offline(...args);
    expect(code).toBe(2);
    expect(stderr).not.toBe('');
  });
});

describe('a missing dependency', () => {
  it('a command exits with 3 if Temporal does not answer, and names its address', async () => {
    const address = `127.0.0.1:${await freePort('127.0.0.1')}`;
    const { code, stderr } = await offline('run', 'x', '--address', address);
    expect(code).toBe(3);
    expect(stderr).toContain(`TEMPORAL_UNAVAILABLE: Temporal at ${address}`);
  });

  it.each(['worker', 'bridge', 'api'])('%s exits with 3 if Temporal does not answer', async (command) => {
    const address = `127.0.0.1:${await freePort('127.0.0.1')}`;
    const env = {
      ...process.env,
      SURREAL_URL: 'mem://',
      SLUICE_BRIDGE_HTTP: 'off',
      SLUICE_API_HTTP: '127.0.0.1:1',
    };
    const args = [BIN, command, '--address', address];
    const { code, stdout, stderr } = await runCommand(process.execPath, args, { cwd: ROOT, env });
    expect(code).toBe(3);
    expect(stdout + stderr).toContain(`Temporal at ${address}`);
  });

  it('a command exits with 3 for an invalid configuration and names the variable', async () => {
    const env = { ...process.env, SLUICE_LOG_LEVEL: 'loud' };
    const { code, stderr } = await runCommand(process.execPath, [BIN, 'run', 'x'], { cwd: ROOT, env });
    expect(code).toBe(3);
    expect(stderr).toContain('SLUICE_LOG_LEVEL');
  });
});

it('sluice functions lists what an expression may call', async () => {
  const { code, stdout } = await offline('functions');
  expect(code).toBe(0);
  expect(stdout).toContain('coalesce(value, …)');
});

it('sluice --help documents the exit codes', async () => {
  const { code, stdout } = await offline('--help');
  expect(code).toBe(0);
  expect(stdout).toContain('Exit codes:');
});
