/** `sluice keys` makes and rotates the file that every process reads. */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readKeyRing, readKeyRingFile } from '../../encryption/index.js';
import { runCommand } from '../support/command.js';

const BIN = fileURLToPath(new URL('../../cli/bin.mjs', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

describe('sluice keys', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sluice-keys-'));
  });
  afterAll(() => rm(directory, { recursive: true }));

  const keys = (...args: string[]) =>
    runCommand(process.execPath, [BIN, '--json', 'keys', ...args], { cwd: ROOT, env: process.env });

  it('adds keys that decrypt only until one is put to use, and never prints or loses one', async () => {
    const path = join(directory, 'ring.json');
    const first = await keys('add', path, 'a');
    expect(first.code).toBe(0);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const before = await readKeyRingFile(path);
    const second = await keys('add', path, 'b');
    expect((await readKeyRing(path)).current).toBe('a');
    const third = await keys('use', path, 'b');
    const after = await readKeyRingFile(path);
    expect(after.current).toBe('b');
    expect(after.keys).toMatchObject(before.keys);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const listed = await keys('list', path);
    expect(JSON.parse(listed.stdout)).toEqual({ file: path, current: 'b', keys: ['a', 'b'] });
    for (const { stdout, stderr } of [first, second, third, listed]) {
      for (const key of Object.values(after.keys)) expect(stdout + stderr).not.toContain(key);
    }
    expect(await readdir(directory)).toEqual(['ring.json']);
  });

  it('makes a ring of claim keys, which keeps since when claims count', async () => {
    const path = join(directory, 'claims.json');
    const since = '2026-11-30T18:00:00Z';
    expect((await keys('add', path, 'a', '--since', since)).code).toBe(0);
    await keys('add', path, 'b');
    await keys('use', path, 'b');
    const listed = await keys('list', path);
    expect(JSON.parse(listed.stdout)).toEqual({ file: path, current: 'b', keys: ['a', 'b'], since });
    expect((await keys('add', path, 'c', '--since', since)).stdout).toContain('is said as the file is made');
    const other = await keys('add', join(directory, 'other.json'), 'a', '--since', 'soon');
    expect(other.stdout).toContain('soon is not an instant');
    await rm(path);
  });

  it.each([
    ['a name that exists', ['add', 'a'], 'has a key a already'],
    ['a name with a path', ['add', '../x'], 'The name of a key must be'],
    ['an unknown key to use', ['use', 'z'], 'has no key z. It has a.'],
  ])('refuses %s and leaves the file as it was', async (_, [act = '', id = ''], message) => {
    const path = join(directory, `refusals-${act}-${id.length}.json`);
    await keys('add', path, 'a');
    const before = await readKeyRingFile(path);
    const refused = await keys(act, path, id);
    expect(refused.code).not.toBe(0);
    expect(refused.stdout).toContain(message);
    expect(await readKeyRingFile(path)).toEqual(before);
  });
});
