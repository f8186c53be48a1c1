import { mkdtemp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSecretProvider } from '../../../worker/secrets/secret-provider.js';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'sluice-secrets-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe('secrets from the environment', () => {
  it('secrets from the environment are variables with the prefix, read at each use', async () => {
    const env: Record<string, string> = { APP_KEY: 'one', KEY: 'other', APP_EMPTY: '' };
    const secrets = createSecretProvider({ kind: 'env', prefix: 'APP_' }, env);
    expect(await secrets.read('KEY')).toBe('one');
    env['APP_KEY'] = 'two';
    expect(await secrets.read('KEY')).toBe('two');
    expect(await secrets.read('EMPTY')).toBeUndefined();
    expect(await secrets.read('MISSING')).toBeUndefined();
  });

  it('secrets have names that definitions may use, so no member of an object is a secret', async () => {
    const secrets = createSecretProvider({ kind: 'env', prefix: '' }, { 'a b': 'x' });
    expect(await secrets.read('a b')).toBeUndefined();
  });
});

describe('secrets from a directory', () => {
  it('secrets from a directory are files without their last newline, and are read again after a rotation', async () => {
    const directory = join(root, 'mounted');
    await mkdir(join(directory, '..data'), { recursive: true });
    await writeFile(join(directory, '..data', 'API_KEY'), 'first\n');
    // Kubernetes mounts each file as a link into a directory that it swaps.
    await symlink(join('..data', 'API_KEY'), join(directory, 'API_KEY'));
    const secrets = createSecretProvider({ kind: 'dir', path: directory }, {});
    expect(await secrets.read('API_KEY')).toBe('first');
    await writeFile(join(directory, '..data', 'API_KEY'), 'line 1\nline 2\r\n');
    expect(await secrets.read('API_KEY')).toBe('line 1\nline 2');
    await writeFile(join(directory, '..data', 'API_KEY'), '\n');
    expect(await secrets.read('API_KEY')).toBeUndefined();
    expect(await secrets.read('MISSING')).toBeUndefined();
  });

  it('a secret outside of the directory cannot be read', async () => {
    const directory = join(root, 'inside');
    await mkdir(directory, { recursive: true });
    await writeFile(join(root, 'OUTSIDE'), 'no');
    const secrets = createSecretProvider({ kind: 'dir', path: directory }, {});
    for (const name of ['../OUTSIDE', '..', '.', join(root, 'OUTSIDE'), 'inside/../../OUTSIDE', '']) {
      expect(await secrets.read(name)).toBeUndefined();
    }
  });

  it('a secret that cannot be read is an error that says why, without the path', async () => {
    const directory = join(root, 'odd');
    await mkdir(join(directory, 'KEY'), { recursive: true });
    const secrets = createSecretProvider({ kind: 'dir', path: directory }, {});
    await expect(secrets.read('KEY')).rejects.toMatchObject({
      code: 'SECRET_NOT_FOUND',
      message: 'The secret "KEY" cannot be read: EISDIR',
    });
  });

  it('a worker needs the directory of its secrets when it starts', () => {
    expect(() => createSecretProvider({ kind: 'dir', path: join(root, 'none') }, {})).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }) as Error,
    );
  });
});
