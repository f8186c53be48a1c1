/** The image of the database holds the very server that the tests run. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../support/command.js';
import { surrealBinary } from '../support/requirements.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const text = readFileSync(join(root, 'deploy/surrealdb/Dockerfile'), 'utf8');
const [, url, sha256] = /^RUN node \/fetch\.mjs (\S+) ([0-9a-f]{64}) \/surreal$/m.exec(text) ?? [];
const sha256Of = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe('the image of the database', () => {
  let directory: string;
  let server: Server;
  let address: string;
  const program = Buffer.from('#!/bin/sh\necho a server\n');
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'sluice-surrealdb-image-'));
    writeFileSync(join(directory, 'surreal'), program);
    const archive = execFileSync('tar', ['-czf', '-', '-C', directory, 'surreal']);
    server = createServer((request, response) => {
      if (request.url === '/surreal.tgz') response.end(archive);
      else response.writeHead(404).end();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });
  const fetched = (path: string, expected: string) => {
    const target = join(directory, 'fetched');
    rmSync(target, { force: true });
    const script = join(root, 'deploy/surrealdb/fetch.mjs');
    return runCommand(process.execPath, [script, `${address}${path}`, expected, target]);
  };

  it('takes a program with the right content, and makes it executable', async () => {
    expect((await fetched('/surreal.tgz', sha256Of(program))).code).toBe(0);
    expect(readFileSync(join(directory, 'fetched'))).toEqual(program);
    expect(statSync(join(directory, 'fetched')).mode & 0o111).toBe(0o111);
  });

  it.each([
    ['/surreal.tgz', 'a'.repeat(64), 'is not the one that Sluice is tested with'],
    ['/none.tgz', 'a'.repeat(64), 'answers 404'],
  ])('is not built from %s with another content', async (path, expected, reason) => {
    const refused = await fetched(path, expected);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(reason);
    expect(() => readFileSync(join(directory, 'fetched'))).toThrow('ENOENT');
  });

  it('has the base of the other image, and the server that the suite runs', () => {
    const bases = (of: string) =>
      new Set([...of.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image as string));
    expect(bases(text)).toEqual(bases(readFileSync(join(root, 'Dockerfile'), 'utf8')));
    expect(text).toMatch(/^USER 65532:65532$/m);
    const compose = readFileSync(join(root, 'docker-compose.yml'), 'utf8');
    const version = /image: sluice-surrealdb:(\S+)/.exec(compose)?.[1];
    expect(url).toBe(`https://download.surrealdb.com/v${version}/surreal-v${version}.linux-amd64.tgz`);
    const run = surrealBinary ?? 'surreal';
    const said = execFileSync(run, ['version'], { encoding: 'utf8' });
    // Of another version or for another machine, the file differs.
    if (said.startsWith(`${version} for linux on x86_64`)) expect(sha256Of(readFileSync(run))).toBe(sha256);
  });
});
