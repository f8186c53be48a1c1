/** Back-up and restore as in docs/operations.md: a copy of an embedded store, an export of a server. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StartedRun } from '../../client/index.js';
import { openProjections } from '../../projections/index.js';
import { allRows } from '../client/support/all-rows.js';
import { startServer, type Server } from '../support/servers/surreal-server.js';
import { needs, surrealBinary } from '../support/requirements.js';
import { withSluice, type SluiceTest, type SluiceTestOptions } from '../support/sluice.js';
import { waitFor } from '../support/wait-for.js';
import { withWorld } from '../worker/reconciler/world.js';

const WAIT = `
id: backed-up
version: 1
steps:
  - { id: before, type: action.call, action: core.echo, input: { $expr: payload }, saveAs: vars.said }
  - { id: pause, type: event.wait, eventName: GO }
result: { $expr: vars.said }
`;

let directory: string;
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'sluice-backup-'))));
afterAll(() => rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));

interface Before {
  readonly waiting: StartedRun;
  readonly ended: StartedRun;
  readonly rows: string;
}

/** One run that has ended and one that waits; then everything stops. */
async function before(options: SluiceTestOptions): Promise<Before> {
  let result: Before | undefined;
  await withSluice(options, async (sluice) => {
    const ended = await sluice.startSource(WAIT, { n: 1 });
    await sluice.waiting(ended);
    await sluice.signal(ended, { eventName: 'GO' });
    await sluice.result(ended);
    const waiting = await sluice.start('backed-up', { n: 2 });
    await sluice.waiting(waiting);
    await shows(sluice, waiting, 'WAITING');
    await sluice.stopWorker();
    result = { waiting, ended, rows: await allRows(sluice.projections) };
  });
  if (result === undefined) throw new Error('nothing was started');
  return result;
}

/** On what was restored: the same rows, the old run can be seen, and the one that waits goes on. */
async function after(options: SluiceTestOptions, { waiting, ended, rows }: Before): Promise<void> {
  await withSluice({ ...options, startWorker: false }, async (sluice) => {
    expect(await allRows(sluice.projections)).toBe(rows);
    await sluice.startWorker();
    await shows(sluice, ended, 'SUCCEEDED');
    await sluice.signal(waiting, { eventName: 'GO' });
    expect(await sluice.result(waiting)).toEqual({ n: 2 });
    await shows(sluice, waiting, 'SUCCEEDED');
    // Definitions are there as well.
    const another = await sluice.start('backed-up', { n: 3 });
    await sluice.waiting(another);
    await sluice.signal(another, { eventName: 'GO' });
    expect(await sluice.result(another)).toEqual({ n: 3 });
  });
}

function shows(sluice: SluiceTest, { runId }: StartedRun, status: string): Promise<boolean> {
  return waitFor(
    async () => (await sluice.projections.reads.getRun(sluice.tenant, runId))?.status === status,
  );
}

const names = () => ({ taskQueue: `backup-${randomUUID()}`, tenant: `tenant-${randomUUID()}` });

it('a copy of an embedded store, made while no worker runs, restores it', async () => {
  const path = join(directory, 'db');
  const options = { ...names(), database: { url: `surrealkv://${path}` } };
  const was = await before(options);
  cpSync(path, join(directory, 'copy'), { recursive: true });
  rmSync(path, { recursive: true });
  cpSync(join(directory, 'copy'), path, { recursive: true });
  await after(options, was);
}, 60_000);

it('a restored back-up that is older than its runs catches up with Temporal', async () => {
  const path = join(directory, 'older');
  const options = { ...names(), database: { url: `surrealkv://${path}` } };
  const { waiting } = await before(options);
  cpSync(path, join(directory, 'older-copy'), { recursive: true });
  let late: StartedRun | undefined;
  await withSluice(options, async (sluice) => {
    await sluice.signal(waiting, { eventName: 'GO' });
    await sluice.result(waiting);
    late = await sluice.start('backed-up', { n: 4 });
    await sluice.waiting(late);
    await shows(sluice, late, 'WAITING');
  });
  const unknown = late as unknown as StartedRun;
  rmSync(path, { recursive: true });
  cpSync(join(directory, 'older-copy'), path, { recursive: true });

  await withWorld(options, async ({ sluice, reconciler }) => {
    const rows = sluice.projections.reads;
    expect((await rows.getRun(sluice.tenant, waiting.runId))?.status).toBe('WAITING');
    expect(await rows.getRun(sluice.tenant, unknown.runId)).toBeUndefined();
    await waitFor(async () => {
      await reconciler.pass();
      const [ended, open] = await Promise.all(
        [waiting, unknown].map(({ runId }) => rows.getRun(sluice.tenant, runId)),
      );
      return ended?.status === 'SUCCEEDED' && open?.status === 'WAITING';
    }, 60_000);
    expect(await rows.checkContiguity(sluice.tenant, waiting.runId)).toMatchObject({ gaps: [] });
    await sluice.signal(unknown, { eventName: 'GO' });
    expect(await sluice.result(unknown)).toEqual({ n: 4 });
    await shows(sluice, unknown, 'SUCCEEDED');
  });
}, 90_000);

describe('a SurrealDB server', needs('surreal'), () => {
  const servers: Server[] = [];
  afterAll(() => Promise.all(servers.map((server) => server.kill())));

  async function startedServer(): Promise<Server> {
    const started = await startServer();
    servers.push(started);
    return started;
  }

  /** As a person would type it. */
  async function surreal(command: 'export' | 'import', { port }: Server, file: string): Promise<void> {
    const place = ['--endpoint', `http://127.0.0.1:${port}`, '--namespace', 'sluice', '--database', 'sluice'];
    const user = ['--username', 'root', '--password', 'root'];
    await promisify(execFile)(surrealBinary ?? '', [command, ...place, ...user, file]);
  }

  it('a server is backed up by surreal export and restored by surreal import', async () => {
    const file = join(directory, 'sluice.surql');
    const shared = names();
    const at = ({ url }: Server) => ({ ...shared, database: { url, username: 'root', password: 'root' } });
    const first = await startedServer();
    const was = await before(at(first));
    await surreal('export', first, file);
    expect(statSync(file).size).toBeGreaterThan(1_000);
    await first.kill();

    const second = await startedServer();
    await surreal('import', second, file);
    await after(at(second), was);
    // Nothing has to be migrated, and a worker's start finds that so.
    await (await openProjections(at(second).database)).close();
  }, 60_000);
});
