/**
 * The scripts of examples/ against one running stack. Each drives the whole life of a run with one tool. The
 * stack is `sluice dev` in a directory that is not a clone, as for an installed package.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findTemporalCli } from '../../worker/temporal-server/find-cli.js';
import { runCommand, startCommand, type RunningCommand } from '../support/command.js';
import { suiteTemporal } from '../support/services.js';
import { waitFor } from '../support/wait-for.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BIN = join(ROOT, 'cli', 'bin.mjs');
const LIMIT_MS = 240_000;

let directory: string;
let stack: RunningCommand;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-dev-'));
  const { address, namespace } = await suiteTemporal();
  const cli = await findTemporalCli({ env: process.env, log: () => undefined });
  env = {
    ...Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^(SLUICE_|SURREAL_|VITEST)/.test(name)),
    ),
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
    TEMPORAL_CLI_PATH: cli.path,
    SLUICE_TASK_QUEUE: `scripts-${randomUUID()}`,
    RUN_SUFFIX: randomUUID().slice(0, 8),
  };
  writeFileSync(join(directory, 'mine.yaml'), 'id: mine\nversion: 1\nsteps: []\n');
  stack = startCommand(process.execPath, [BIN, 'dev', 'mine.yaml', '--example'], { cwd: directory, env });
  await waitFor(() => {
    if (stack.child.exitCode !== null) throw new Error(`sluice dev ended:\n${stack.output()}`);
    return stack.output().includes('Ctrl-C stops everything.');
  }, 60_000);
}, LIMIT_MS);

afterAll(async () => {
  stack.child.kill('SIGINT');
  const { code, stdout } = await stack.ended;
  rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  expect({ code, end: stdout.slice(-300) }).toMatchObject({ code: 0 });
}, LIMIT_MS);

/** The address that the stack printed for a service. */
function addressOf(service: string): string {
  const found = new RegExp(`✔ ${service} +(http://[\\d.:]+)`).exec(stack.output())?.[1];
  if (found === undefined) throw new Error(`no ${service} in:\n${stack.output()}`);
  return found;
}

describe('sluice dev', () => {
  it('sluice dev keeps its data in the working directory and runs the bundled example', () => {
    expect(existsSync(join(directory, '.sluice', 'db'))).toBe(true);
    expect(stack.output()).toMatch(/✔ run +SUCCEEDED/);
    expect(stack.output()).toMatch(/✔ Published .*order-fulfilment.*, mine$/m);
  });
});

describe('examples/', () => {
  it(
    'run-with-temporal-cli.sh drives the whole life of a run with the `temporal` command alone',
    async () => {
      const { code, stdout, stderr } = await runCommand('bash', ['examples/run-with-temporal-cli.sh'], {
        cwd: ROOT,
        env,
      });
      expect(code, `${stdout.slice(-1_500)}\n${stderr}`).toBe(0);
      expect(stdout).toContain('PAYMENT_SETTLED');
      expect(stdout.match(/"?SHIPPED/g)?.length).toBeGreaterThanOrEqual(2);
      expect(stdout).toMatch(/── Done\n$/);
    },
    LIMIT_MS,
  );

  it(
    'run-with-sluice.sh drives the whole life of a run with `sluice` alone',
    async () => {
      const places = { SLUICE_BRIDGE_URL: addressOf('Event bridge'), SLUICE_API_URL: addressOf('HTTP API') };
      const { code, stdout, stderr } = await runCommand(
        'bash',
        [join(ROOT, 'examples', 'run-with-sluice.sh')],
        {
          cwd: directory,
          env: { ...env, ...places, SLUICE: `${process.execPath} ${BIN}` },
        },
      );
      expect(code, `${stdout.slice(-1_500)}\n${stderr}`).toBe(0);
      expect(stdout).toMatch(/── Done\n$/);
    },
    LIMIT_MS,
  );

  it(
    'run-with-curl.sh drives the whole life of a run with `curl` alone',
    async () => {
      const { code, stdout, stderr } = await runCommand(
        'bash',
        [join(ROOT, 'examples', 'run-with-curl.sh')],
        { cwd: directory, env: { ...env, SLUICE_API_URL: addressOf('HTTP API') } },
      );
      expect(code, `${stdout.slice(-1_500)}\n${stderr}`).toBe(0);
      expect(stdout).toContain('with If-None-Match: 304');
      expect(stdout).toContain('"code":"WORKFLOW_TEMPORAL_ACTION_UNSUPPORTED"');
      expect(stdout).toMatch(/── Done\n$/);
    },
    LIMIT_MS,
  );
});
