import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findTemporalCli } from '../../../worker/temporal-server/find-cli.js';

const NEW = 'temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)';
const OLD = 'temporal version 0.13.0 (Server 1.24.1, UI 2.27.0)';
/** Nothing listens there, so the SDK's download fails at once, with or without a network. */
const NO_DOWNLOAD = { HTTPS_PROXY: 'http://127.0.0.1:1', https_proxy: 'http://127.0.0.1:1' };

let home: string;
let lines: string[];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'sluice-cli-'));
  lines = [];
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function script(path: string, body: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

const command = (path: string, version: string) => script(path, `echo "${version}"`);
const find = (env: Record<string, string>) =>
  findTemporalCli({ env: { HOME: home, ...NO_DOWNLOAD, ...env }, log: (line) => lines.push(line) });

describe('finding the Temporal CLI', () => {
  it('TEMPORAL_CLI_PATH names the command, before PATH', async () => {
    const named = command(join(home, 'named'), NEW);
    command(join(home, 'bin/temporal'), NEW);
    await expect(find({ TEMPORAL_CLI_PATH: named, PATH: join(home, 'bin') })).resolves.toEqual({
      path: named,
      version: NEW,
    });
  });

  it('a TEMPORAL_CLI_PATH that does not run is refused, never replaced by another command', async () => {
    command(join(home, 'bin/temporal'), NEW);
    const found = find({ TEMPORAL_CLI_PATH: join(home, 'missing'), PATH: join(home, 'bin') });
    await expect(found).rejects.toMatchObject({
      code: 'TEMPORAL_SERVER_NOT_FOUND',
      message: expect.stringContaining('TEMPORAL_CLI_PATH') as string,
    });
  });

  it('the first command on PATH that is new enough is used, and skipped ones are named', async () => {
    const old = command(join(home, 'old/temporal'), OLD);
    const fits = command(join(home, 'new/temporal'), NEW);
    const found = await find({ PATH: `${join(home, 'old')}:${join(home, 'none')}:${join(home, 'new')}` });
    expect(found.path).toBe(fits);
    expect(lines).toEqual([expect.stringContaining(`${old} is too old`)]);
  });

  it('a copy that an earlier run cached is used, in XDG_CACHE_HOME or under the home directory', async () => {
    const inHome = command(join(home, '.cache/sluice/temporal/v1.5.1/temporal'), NEW);
    const inXdg = command(join(home, 'xdg/sluice/temporal/v1.5.1/temporal'), NEW);
    expect((await find({ PATH: '' })).path).toBe(inHome);
    expect((await find({ PATH: '', XDG_CACHE_HOME: join(home, 'xdg') })).path).toBe(inXdg);
  });
});

describe('installing the Temporal CLI', () => {
  const fakeGo = (directory: string) =>
    script(
      join(directory, 'go'),
      `[ "$1" = version ] && exit 0
       [ -n "$GOOS" ] && exit 3
       mkdir -p "$GOBIN" && printf '#!/bin/sh\\necho "${NEW}"\\n' > "$GOBIN/temporal"`,
    );
  const path = () => `${join(home, 'bin')}:/usr/bin:/bin`;

  it('the build with Go goes into the cache, from where the next run takes it', async () => {
    fakeGo(join(home, 'bin'));
    const first = await find({ PATH: path(), GOOS: 'plan9' });
    expect(first.path).toBe(join(home, '.cache/sluice/temporal/v1.5.1/temporal'));
    expect(lines.join('\n')).toContain('Building the Temporal CLI with Go');
    lines = [];
    expect(await find({ PATH: '' })).toEqual(first);
    expect(lines).toEqual([]);
  });

  it('installers that run concurrently end with one complete copy and no scratch directory', async () => {
    fakeGo(join(home, 'bin'));
    const found = await Promise.all([1, 2, 3].map(() => find({ PATH: path() })));
    expect(new Set(found.map((cli) => cli.path)).size).toBe(1);
    expect(readdirSync(join(home, '.cache/sluice/temporal'))).toEqual(['v1.5.1']);
  });

  it('a machine where nothing works gets an error with what was tried and how to install it', async () => {
    const error = await find({ PATH: join(home, 'empty') }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'TEMPORAL_SERVER_NOT_FOUND' });
    const { message, help } = error as { message: string; help: string };
    expect(message).toContain("the SDK's download failed");
    expect(message).toContain('there is no Go toolchain');
    expect(help).toContain('TEMPORAL_CLI_PATH');
  });
});
