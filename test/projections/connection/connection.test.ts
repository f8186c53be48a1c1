/** Errors for a database that can't be opened: they say which setting is wrong, and what to do. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openProjections } from '../../../projections/index.js';
import { onEveryDatabase } from '../support/databases.js';
import { startServer } from '../../support/servers/surreal-server.js';
import { freePort } from '../../../worker/temporal-server/ports.js';

const OPEN_STORE = fileURLToPath(new URL('../support/open-store.fixture.ts', import.meta.url));

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-connection-'));
});
afterAll(() => rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));

/** Runs `open-store.fixture.ts`; the store is open when this returns. */
async function openInAnotherProcess(url: string, env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, ['--import', 'tsx', OPEN_STORE, url], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const [text] = (await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])) as [unknown];
  expect(String(text)).toBe('open\n');
  return {
    pid: child.pid,
    async end() {
      const gone = once(child, 'exit');
      child.stdin.end();
      await gone;
    },
  };
}

describe('A URL', () => {
  it.each(['nonsense', 'http://127.0.0.1:8000', 'tikv://x', ''])('the URL %j is refused', async (url) => {
    await expect(openProjections({ url })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/SURREAL_URL.*surrealkv:\/\/PATH/) as string,
    });
  });

  it('the URL of a store whose directory can not be created is refused', async () => {
    await writeFile(join(directory, 'file'), '');
    await expect(openProjections({ url: `surrealkv://${directory}/file/store` })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(`${directory}/file/store`) as string,
    });
  });
});

describe('A server that does not answer', () => {
  it('a server that does not answer in time is named in the error, with the reason', async () => {
    const port = await freePort('127.0.0.1');
    const url = `ws://127.0.0.1:${port}`;
    await expect(openProjections({ url, connectTimeoutMs: 300 })).rejects.toMatchObject({
      code: 'DATABASE_UNAVAILABLE',
      retryable: true,
      message: expect.stringMatching(`127\\.0\\.0\\.1:${port} within 300 ms`) as string,
      help: expect.stringContaining('SURREAL_URL') as string,
    });
  });

  it('another program that listens on the port is reported as an unavailable database', async () => {
    const other = createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const url = `ws://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    await expect(openProjections({ url, connectTimeoutMs: 300 })).rejects.toMatchObject({
      code: 'DATABASE_UNAVAILABLE',
    });
    other.close();
  });
});

onEveryDatabase(
  'Credentials',
  (host) => {
    it.each([
      ['a wrong password', { password: 'wrong' }],
      ['an unknown user', { username: 'stranger' }],
      ['no user', { username: undefined, password: undefined }],
    ])('credentials with %s are refused, and the error does not show them', async (_, wrong) => {
      const opened = openProjections({ ...(await host.fresh()), ...wrong });
      await expect(opened).rejects.toMatchObject({
        code: 'DATABASE_AUTH',
        retryable: false,
        message: expect.not.stringContaining('wrong') as string,
        help: expect.stringContaining('SURREAL_PASS') as string,
      });
    });

    it('the credentials of a user of the namespace or of the database are accepted', async () => {
      const options = await host.fresh();
      const root = await openProjections(options);
      const names = { namespace: 'sluice', database: options.database };
      await root.database.request(
        `DEFINE USER one ON NAMESPACE PASSWORD 'p1' ROLES OWNER; DEFINE USER two ON DATABASE PASSWORD 'p2' ROLES OWNER`,
      );
      await root.close();
      for (const [username, password] of [
        ['one', 'p1'],
        ['two', 'p2'],
      ]) {
        const projections = await openProjections({ ...options, ...names, username, password });
        expect(await projections.definitionIds('acme')).toEqual([]);
        await projections.close();
      }
    });

    it('credentials travel over TLS where the URL is wss://', async () => {
      const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
      await promisify(execFile)('openssl', [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
        ...['-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
        ...['-keyout', key, '-out', cert],
      ]);
      const server = await startServer({ more: ['--web-crt', cert, '--web-key', key] });
      const url = `wss://127.0.0.1:${server.port}`;
      try {
        const trusting = await openInAnotherProcess(url, { NODE_EXTRA_CA_CERTS: cert });
        await trusting.end();
        const options = { url, username: 'root', password: 'root', connectTimeoutMs: 1_000 };
        await expect(openProjections(options)).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
      } finally {
        await server.kill();
      }
    });
  },
  ['server'],
);

onEveryDatabase(
  'A store that is open',
  (host) => {
    it('a store that is open in another process is refused with its id, and is free once that process closed it', async () => {
      const options = await host.fresh();
      const other = await openInAnotherProcess(options.url);
      try {
        await expect(openProjections(options)).rejects.toMatchObject({
          code: 'DATABASE_LOCKED',
          message: expect.stringContaining(`process ${other.pid}`) as string,
          help: expect.stringContaining('SurrealDB server') as string,
        });
      } finally {
        await other.end();
      }
      await (await openProjections(options)).close();
    });

    it('only the owner of a store can read it, also of one that an older release left open to others', async () => {
      const store = join(directory, '.sluice', 'db');
      await mkdir(store, { recursive: true, mode: 0o755 });
      await (await openProjections({ url: `surrealkv://${store}` })).close();
      const modes = await Promise.all([join(directory, '.sluice'), store].map((path) => stat(path)));
      expect(modes.map(({ mode }) => (mode & 0o777).toString(8))).toEqual(['700', '700']);
    });

    it('a store that is open in this process is refused', async () => {
      const options = await host.fresh();
      const first = await openProjections(options);
      await expect(openProjections(options)).rejects.toMatchObject({ code: 'DATABASE_LOCKED' });
      await first.close();
      await (await openProjections(options)).close();
    });
  },
  ['surrealkv'],
);
