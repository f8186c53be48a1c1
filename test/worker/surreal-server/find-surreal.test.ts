import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findSurreal, locateSurreal } from '../../../worker/surreal-server/find-surreal.js';
import { downloadName } from '../../../worker/surreal-server/install-surreal.js';

const GOOD = '3.0.2 for linux on x86_64';
const OLD = '2.1.4 for linux on x86_64';

let home: string;
let lines: string[];
/** What the local download server answers by path; any other path is a 404. */
let files: Map<string, Buffer>;
let asked: string[];
let server: Server;
let downloads: string;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'sluice-surreal-'));
  lines = [];
  files = new Map();
  asked = [];
  server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    const body = files.get(path);
    if (body === undefined) response.writeHead(404).end('not found');
    else response.writeHead(200, { 'content-length': body.length }).end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  downloads = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
  rmSync(home, { recursive: true, force: true });
});

function command(path: string, version: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n[ "$1" = version ] && echo "${version}"\n`);
  chmodSync(path, 0o755);
  return path;
}

const SYSTEM_PATH = '/usr/bin:/bin';
const log = (line: string) => lines.push(line);
const find = (env: Record<string, string>) =>
  findSurreal({ env: { HOME: home, PATH: SYSTEM_PATH, ...env }, log }, downloads);

describe('finding the SurrealDB server', () => {
  it('SURREAL_CLI_PATH names the command, before PATH', async () => {
    const named = command(join(home, 'named'), GOOD);
    command(join(home, 'bin/surreal'), GOOD);
    const env = { SURREAL_CLI_PATH: named, PATH: join(home, 'bin') };
    await expect(find(env)).resolves.toEqual({ path: named, version: GOOD });
    expect(asked).toEqual([]);
  });

  it('a SURREAL_CLI_PATH that does not run is refused, never replaced by another command', async () => {
    command(join(home, 'bin/surreal'), GOOD);
    const env = { SURREAL_CLI_PATH: join(home, 'missing'), PATH: join(home, 'bin') };
    await expect(find(env)).rejects.toMatchObject({
      code: 'SURREAL_SERVER_NOT_FOUND',
      message: expect.stringContaining('SURREAL_CLI_PATH') as string,
    });
  });

  it('a command on PATH of another major version is skipped, and named', async () => {
    const old = command(join(home, 'old/surreal'), OLD);
    const good = command(join(home, 'new/surreal'), GOOD);
    const found = await find({ PATH: `${join(home, 'old')}:${join(home, 'new')}` });
    expect(found.path).toBe(good);
    expect(lines).toEqual([expect.stringContaining(`${old} is SurrealDB ${OLD}`)]);
  });

  it('a copy in the cache is used before any download', async () => {
    const cached = command(join(home, '.cache/sluice/surreal/3.0.2/surreal'), GOOD);
    expect((await find({ PATH: '' })).path).toBe(cached);
    expect(asked).toEqual([]);
  });

  it('a machine without the command is told so where nothing may be installed', async () => {
    await expect(locateSurreal({ env: { HOME: home, PATH: '' }, log })).resolves.toBeUndefined();
  });
});

describe('downloading the SurrealDB server', () => {
  const path = () => `/v3.0.2/${downloadName()}`;
  const checksumPath = () => path().replace(/\.tgz$/, '.txt');

  /** Puts an archive with such a command on the download server and gives its SHA-256. */
  function offer(version = GOOD): string {
    command(join(home, 'packed/surreal'), version);
    const archive = join(home, 'surreal.tgz');
    execFileSync('tar', ['-czf', archive, '-C', join(home, 'packed'), 'surreal']);
    const bytes = readFileSync(archive);
    files.set(path(), bytes);
    return createHash('sha256').update(bytes).digest('hex');
  }

  it('the download for this platform goes into the cache, from where the next search takes it', async () => {
    files.set(checksumPath(), Buffer.from(`${offer()}\n`));
    const first = await find({});
    expect(first).toEqual({ path: join(home, '.cache/sluice/surreal/3.0.2/surreal'), version: GOOD });
    expect(asked).toEqual([path(), checksumPath()]);
    expect(lines).toEqual([expect.stringContaining(`downloading ${downloads}${path()}`)]);
    expect(await find({ PATH: '' })).toEqual(first);
    expect(asked).toHaveLength(2);
  });

  it('searches that download at once end with one whole copy and no scratch', async () => {
    offer();
    const found = await Promise.all([1, 2, 3].map(() => find({})));
    expect(new Set(found.map((surreal) => surreal.path)).size).toBe(1);
    expect(readdirSync(join(home, '.cache/sluice/surreal'))).toEqual(['3.0.2']);
  });

  it('a download with another checksum than the published one is not installed', async () => {
    offer();
    files.set(checksumPath(), Buffer.from('0'.repeat(64)));
    await expect(find({})).rejects.toMatchObject({
      code: 'SURREAL_SERVER_NOT_FOUND',
      message: expect.stringMatching(/its SHA-256 is [0-9a-f]{64}, the published one is 0{64}/) as string,
    });
    expect(readdirSync(join(home, '.cache/sluice/surreal'))).toEqual([]);
  });

  it('an archive that cannot be unpacked is named in the error', async () => {
    files.set(path(), Buffer.from('this is not an archive'));
    await expect(find({})).rejects.toThrow(/cannot be unpacked/);
  });

  it('a machine without the command and without a download gets an error that says how to install it', async () => {
    const error = await find({}).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'SURREAL_SERVER_NOT_FOUND' });
    const { message, help } = error as { message: string; help: string };
    expect(message).toContain(`the download of ${downloads}${path()} failed (HTTP status 404)`);
    expect(help).toContain('SURREAL_CLI_PATH');
  });

  it.each([
    ['linux', 'x64', 'surreal-v3.0.2.linux-amd64.tgz'],
    ['linux', 'arm64', 'surreal-v3.0.2.linux-arm64.tgz'],
    ['darwin', 'arm64', 'surreal-v3.0.2.darwin-arm64.tgz'],
    ['win32', 'x64', 'surreal-v3.0.2.windows-amd64.exe'],
    ['win32', 'arm64', undefined],
    ['aix', 'ppc64', undefined],
  ])('the download for %s on %s is called %s', (platform, arch, name) => {
    expect(downloadName(platform, arch)).toBe(name);
  });
});
