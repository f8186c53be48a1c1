import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { freePort } from '../../../worker/temporal-server/ports.js';
import { startCommand } from '../../support/command.js';
import { suiteTemporal } from '../../support/services.js';
import { waitFor } from '../../support/wait-for.js';

const WATCHED = fileURLToPath(new URL('./watched.fixture.ts', import.meta.url));

const HELD = new URL('./held.fixture.mjs', import.meta.url).href;
const BIN = fileURLToPath(new URL('../../../cli/bin.mjs', import.meta.url));

async function watched(limitMs: number) {
  const child = spawn(process.execPath, ['--import', 'tsx', WATCHED, String(limitMs)], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
  const errors = text(child.stderr);
  await once(createInterface({ input: child.stdout }), 'line');
  return { child, ended, errors };
}

it('[no-check-freezes] a process whose main thread is held is ended, and says why', async () => {
  const { child, ended, errors } = await watched(1_000);
  child.stdin.write('hold\n');
  expect(await ended).toEqual([null, 'SIGKILL']);
  expect(JSON.parse(await errors)).toMatchObject({ level: 'fatal', stuckMs: 1_000 });
});

it('a process that is suspended and goes on is left alone, and ends when it is told to', async () => {
  const { child, ended, errors } = await watched(60_000);
  child.kill('SIGSTOP');
  child.kill('SIGCONT');
  child.stdin.write('end\n');
  expect([await ended, await errors]).toEqual([[0, null], '']);
});

it.each([
  ['worker', 'The worker polls', {}],
  ['bridge', 'The bridge takes events', { SLUICE_BRIDGE_TOKEN: 'a-token-of-a-sender-0123456789' }],
  ['api', 'The API answers', {}],
])(
  '[no-check-freezes] the process %s, if its main thread is held, is ended and says why',
  async (name, ready, settings) => {
    const { address, namespace } = await suiteTemporal();
    const port = await freePort('127.0.0.1');
    const held = startCommand(process.execPath, [BIN, name], {
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        NODE_OPTIONS: `--import ${HELD}`,
        ...{ TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace, SLUICE_TASK_QUEUE: `held-${port}` },
        ...{ SURREAL_URL: 'mem://', SLUICE_STUCK_MS: '2000' },
        ...{ SLUICE_BRIDGE_HTTP: `127.0.0.1:${port}`, SLUICE_API_HTTP: `127.0.0.1:${port}` },
        ...settings,
      },
    });
    const ended = once(held.child, 'exit') as Promise<[number | null, string | null]>;
    try {
      await waitFor(() => {
        if (held.child.exitCode !== null) throw new Error(`it ended:\n${held.output()}`);
        return held.output().includes(ready);
      }, 60_000);
      held.child.kill('SIGUSR2');
      expect(await ended).toEqual([null, 'SIGKILL']);
      expect(held.output()).toContain('"stuckMs":2000');
    } finally {
      held.child.kill('SIGKILL');
    }
  },
);
