import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../worker/temporal-server/ports.js';
import { makeClone, type TestClone } from '../support/clone.js';
import { runCommand, startCommand, type RunningCommand } from '../support/command.js';
import { suiteTemporal } from '../support/services.js';
import { waitFor } from '../support/wait-for.js';

const START_LIMIT_MS = 60_000;
/** npm itself, its shell, and what the stack starts: a minute is enough on a loaded machine. */
const TEST_LIMIT_MS = 120_000;

let clone: TestClone;
beforeAll(() => {
  clone = makeClone();
});
afterAll(() => clone.remove());
afterEach(async () => {
  await nothingIsLeft();
});

const npmStart = (...args: string[]): RunningCommand =>
  startCommand('npm', ['start', '--silent', ...args], { cwd: clone.root, env: clone.env });

/** Without npm and its shell, which die by the signal and hide the exit code of the stack. */
const nodeStart = (): RunningCommand =>
  startCommand(process.execPath, ['scripts/start.mjs'], { cwd: clone.root, env: clone.env });

const nothingIsLeft = () =>
  waitFor(() => {
    const left = clone.leftovers();
    if (left.length > 0) throw new Error(`still running:\n${left.join('\n')}`);
    return true;
  });

async function untilUp(stack: RunningCommand): Promise<void> {
  await waitFor(() => {
    if (stack.child.exitCode !== null) throw new Error(`it ended:\n${stack.output()}`);
    return stack.output().includes('Ctrl-C stops everything.');
  }, START_LIMIT_MS);
}

/** Paths under a directory, itself included, that another user could read, write or enter. */
function openToOthers(path: string): string[] {
  const found = lstatSync(path);
  const inner = found.isDirectory()
    ? readdirSync(path).flatMap((name) => openToOthers(join(path, name)))
    : [];
  return (found.mode & 0o077) === 0 ? inner : [`${path} ${(found.mode & 0o777).toString(8)}`, ...inner];
}

/** Makes sure that the ports of Temporal and its Web UI are in use, by this test or by another process. */
async function takePorts(): Promise<() => void> {
  const servers = [7233, 8233].map((port) => createServer().listen(port, '127.0.0.1'));
  await Promise.all(
    servers.map((server) => Promise.race([once(server, 'listening'), once(server, 'error')])),
  );
  return () => servers.forEach((server) => server.close());
}

describe('npm start -- --once', () => {
  it(
    'npm start --once runs the order with a line per step, prints the result, and leaves nothing running',
    async () => {
      const { code, stdout, stderr } = await npmStart('--', '--once').ended;
      expect(stderr).toBe('');
      expect(code).toBe(0);
      for (const step of ['validate', 'charge', 'reserve[0]', 'settlement', 'ship', 'confirm']) {
        expect(stdout).toMatch(new RegExp(`^ +\\d+\\.\\d\\d s {2}✔ ${step.replace(/[[\]]/g, '\\$&')} `, 'm'));
      }
      expect(stdout).toContain('npm start plays the payment provider and sends PAYMENT_SETTLED');
      expect(stdout).toMatch(/✔ run +SUCCEEDED/);
      expect(stdout).toContain('"state": "SHIPPED"');
      expect(stdout).toMatch(/Web UI\nhttp:\/\/127\.0\.0\.1:\d+/);
      expect(stdout).not.toContain('\u001b[');
      expect(clone.leftovers()).toEqual([]);
    },
    TEST_LIMIT_MS,
  );

  it(
    'npm start --once ends with 1 where the run fails, and says why',
    async () => {
      const path = join(clone.root, 'examples', 'order-fulfilment.yaml');
      const original = readFileSync(path, 'utf8');
      const failing = original
        .replace('version: 1\n', 'version: 2\n')
        .replace(
          /^steps:\n/m,
          'steps:\n  - { id: stop, type: control.fail, code: CLOSED_TODAY, message: Come back tomorrow }\n',
        );
      writeFileSync(path, failing);
      try {
        const { code, stdout } = await npmStart('--', '--once').ended;
        expect(stdout).toContain('CLOSED_TODAY: Come back tomorrow');
        expect(code).toBe(1);
      } finally {
        writeFileSync(path, original);
      }
    },
    TEST_LIMIT_MS,
  );

  it(
    'npm start uses the Temporal server and database that the environment names, and leaves that server alone',
    async () => {
      const { address, namespace } = await suiteTemporal();
      const taskQueue = `stack-${randomUUID()}`;
      const env = {
        ...clone.env,
        TEMPORAL_ADDRESS: address,
        TEMPORAL_NAMESPACE: namespace,
        SLUICE_TASK_QUEUE: taskQueue,
        SURREAL_URL: 'mem://',
      };
      const args = ['scripts/start.mjs', '--once'];
      const { code, stdout } = await runCommand(process.execPath, args, { cwd: clone.root, env });
      expect({ code, stdout }).toMatchObject({ code: 0 });
      expect(stdout).toContain(`${address}, namespace ${namespace}`);
      const connection = await Connection.connect({ address });
      const { count } = await new Client({ connection, namespace }).workflow.count(
        `TaskQueue = '${taskQueue}'`,
      );
      expect(count).toBeGreaterThan(0);
      await connection.close();
    },
    TEST_LIMIT_MS,
  );

  it(
    'a Temporal server that does not answer is an error that names its address',
    async () => {
      const address = `127.0.0.1:${await freePort('127.0.0.1')}`;
      const env = { ...clone.env, TEMPORAL_ADDRESS: address, SURREAL_URL: 'mem://' };
      const args = ['scripts/start.mjs', '--once'];
      const { code, stdout } = await runCommand(process.execPath, args, { cwd: clone.root, env });
      expect(stdout).toContain(`TEMPORAL_UNAVAILABLE: Temporal at ${address}`);
      expect(code).toBe(1);
    },
    TEST_LIMIT_MS,
  );

  it(
    'an unknown option is refused',
    async () => {
      const { code, stderr } = await npmStart('--', '--twice').ended;
      expect(code).toBe(2);
      expect(stderr).toContain('--twice');
    },
    TEST_LIMIT_MS,
  );
});

describe('npm start', () => {
  it(
    'npm start avoids ports in use, prints commands that work, keeps its data private, refuses a second stack, and ends at Ctrl-C',
    async () => {
      const freePorts = await takePorts();
      const stack = nodeStart();
      try {
        await untilUp(stack);
        expect(stack.output()).toMatch(/Port 7233 is in use\. Temporal listens on \d+/);
        expect(stack.output()).toContain('Authorization                off: every action may act');
        expect(stack.output()).toMatch(/Port 8233 is in use\. The Web UI listens on \d+/);

        const commands = /Try next\n((?: {2}.*\n)+)/.exec(stack.output())?.[1]?.trim().split('\n') ?? [];
        expect(commands).toHaveLength(3);
        for (const command of commands) {
          const result = await runCommand('sh', ['-c', command], { cwd: clone.root, env: clone.env });
          expect({ command, ...result }).toMatchObject({ code: 0 });
        }

        // The cache was copied with permissions for others, as an older release left them.
        expect(openToOthers(join(clone.root, '.sluice'))).toEqual([]);

        const second = await npmStart().ended;
        expect(second.code).toBe(1);
        expect(second.stdout).toContain('DATABASE_LOCKED');
        expect(second.stdout).toContain('Another process has the embedded store open');
      } finally {
        freePorts();
        stack.child.kill('SIGINT');
      }
      const { code, stdout, stderr } = await stack.ended;
      expect(stdout).toContain('Stopping …');
      expect({ code, end: stdout.slice(-2_000), stderr }).toMatchObject({ code: 0 });
      expect(clone.leftovers()).toEqual([]);
    },
    TEST_LIMIT_MS,
  );

  it(
    'the stack reloads its policies on SIGHUP, all or nothing, and goes on',
    async () => {
      const { address, namespace } = await suiteTemporal();
      const directory = join(clone.root, 'policies');
      mkdirSync(directory);
      writeFileSync(join(directory, 'a.cedar'), 'permit (principal, action, resource);');
      const servers = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace, SURREAL_URL: 'mem://' };
      const env = { ...clone.env, ...servers, SLUICE_TASK_QUEUE: `stack-${randomUUID()}` };
      const stack = startCommand(process.execPath, ['scripts/start.mjs'], {
        cwd: clone.root,
        env: { ...env, SLUICE_CEDAR_POLICY_DIR: directory },
      });
      await untilUp(stack);
      const says = (text: string) => waitFor(() => stack.output().includes(text));
      writeFileSync(join(directory, 'b.cedar'), 'forbid (principal');
      stack.child.kill('SIGHUP');
      await says('The policies stay unchanged: b.cedar:1');
      writeFileSync(join(directory, 'b.cedar'), 'forbid (principal, action, resource == Stage::"x");');
      stack.child.kill('SIGHUP');
      await says('The policies were reloaded');
      stack.child.kill('SIGTERM');
      expect((await stack.ended).code).toBe(0);
    },
    TEST_LIMIT_MS,
  );

  it(
    'the stack ends cleanly when npm gets a SIGTERM',
    async () => {
      const stack = npmStart();
      await untilUp(stack);
      stack.child.kill('SIGTERM');
      await stack.ended;
      expect(stack.output()).toContain('Stopping …');
      await nothingIsLeft();
    },
    TEST_LIMIT_MS,
  );

  it(
    'the stack leaves nothing running when npm is killed with SIGKILL',
    async () => {
      const stack = npmStart();
      await untilUp(stack);
      stack.child.kill('SIGKILL');
      await nothingIsLeft();
    },
    TEST_LIMIT_MS,
  );

  it(
    'the stack leaves nothing running when everything but its Temporal is killed with SIGKILL',
    async () => {
      const stack = npmStart();
      await untilUp(stack);
      if (stack.child.pid !== undefined) process.kill(-stack.child.pid, 'SIGKILL');
      await nothingIsLeft();
    },
    TEST_LIMIT_MS,
  );

  it(
    'a second Ctrl-C forces the stop, and even then nothing is left running',
    async () => {
      const stack = nodeStart();
      await untilUp(stack);
      stack.child.kill('SIGINT');
      await waitFor(() => stack.output().includes('Stopping …'));
      stack.child.kill('SIGINT');
      expect((await stack.ended).code).toBe(130);
      await nothingIsLeft();
    },
    TEST_LIMIT_MS,
  );

  it(
    'the stack stops even in the middle of its start',
    async () => {
      const stack = npmStart();
      await waitFor(() => stack.output().includes('SurrealDB'), START_LIMIT_MS);
      // A terminal sends Ctrl-C to the whole group: npm, its shell and the stack.
      if (stack.child.pid !== undefined) process.kill(-stack.child.pid, 'SIGINT');
      await stack.ended;
      await nothingIsLeft();
    },
    TEST_LIMIT_MS,
  );
});
