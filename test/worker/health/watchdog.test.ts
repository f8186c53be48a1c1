import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const WATCHED = fileURLToPath(new URL('./watched.fixture.ts', import.meta.url));

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
