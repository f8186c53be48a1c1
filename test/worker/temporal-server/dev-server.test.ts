import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SEARCH_ATTRIBUTES } from '../../../contracts/run/messages.js';
import { freePort } from '../../../worker/temporal-server/ports.js';
import {
  startTemporalDevServer,
  type DevServerOptions,
  type TemporalDevServer,
} from '../../../worker/temporal-server/dev-server.js';

const IP = '127.0.0.1';
const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

async function start(options: Partial<DevServerOptions> = {}): Promise<TemporalDevServer> {
  const server = await startTemporalDevServer({
    env: process.env,
    log: () => undefined,
    headless: true,
    ...options,
  });
  cleanUp.push(() => server.stop());
  return server;
}

async function connect(address: string): Promise<Connection> {
  const connection = await Connection.connect({ address, connectTimeout: 2_000 });
  cleanUp.push(() => connection.close());
  return connection;
}

async function takenPort(): Promise<number> {
  const port = await freePort(IP);
  const holder = createServer().listen(port, IP);
  await once(holder, 'listening');
  cleanUp.push(() => holder.close());
  return port;
}

const isGone = (address: string) =>
  vi.waitFor(() => expect(Connection.connect({ address, connectTimeout: 300 })).rejects.toThrow(), {
    timeout: 15_000,
  });

describe('the Temporal dev server', () => {
  it('a dev server is ready when it is returned: namespace, search attributes, Web UI', async () => {
    const server = await start({ namespace: 'orders', headless: false });
    const connection = await connect(server.address);
    const { customAttributes } = await connection.operatorService.listSearchAttributes({
      namespace: 'orders',
    });
    expect(Object.keys(customAttributes)).toEqual(expect.arrayContaining(Object.keys(SEARCH_ATTRIBUTES)));
    expect((await fetch(server.uiUrl ?? '')).status).toBe(200);
  });

  it('a dev server avoids ports in use, and says so', async () => {
    const [port, uiPort] = [await takenPort(), await takenPort()];
    const lines: string[] = [];
    const server = await start({ port, uiPort, headless: false, log: (line) => lines.push(line) });
    expect(server.address).not.toBe(`${IP}:${port}`);
    expect(server.uiUrl).not.toBe(`http://${IP}:${uiPort}`);
    expect(lines).toEqual([
      expect.stringContaining(`Port ${port} is in use`),
      expect.stringContaining(`Port ${uiPort} is in use`),
    ]);
  });

  it('a dev server uses the wanted ports where they are free', async () => {
    const port = await freePort(IP);
    expect((await start({ port })).address).toBe(`${IP}:${port}`);
  });

  it('a dev server with a file keeps its workflows across a crash', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'sluice-temporal-'));
    cleanUp.push(() => rmSync(directory, { recursive: true, force: true }));
    const dbFilename = join(directory, 'nested', 'temporal.db');
    const first = await start({ dbFilename });
    const client = new Client({ connection: await connect(first.address) });
    await client.workflow.start('anything', { taskQueue: 'unpolled', workflowId: 'kept' });
    await first.kill();
    await first.exited;
    const second = await start({ dbFilename });
    const again = new Client({ connection: await connect(second.address) });
    expect((await again.workflow.getHandle('kept').describe()).status.name).toBe('RUNNING');
  });

  it('a new database has fair queues for good, and one of an older Sluice keeps its queued tasks', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'sluice-temporal-'));
    cleanUp.push(() => rmSync(directory, { recursive: true, force: true }));
    const dbFilename = join(directory, 'temporal.db');
    const mark = `${dbFilename}.fair`;
    const firstTask = async (server: TemporalDevServer, workflowId: string) => {
      const connection = await connect(server.address);
      const client = new Client({ connection });
      await client.workflow.start('anything', { taskQueue: workflowId, workflowId });
      const backlog = () =>
        connection.workflowService.describeTaskQueue({
          ...{ namespace: 'default', taskQueue: { name: workflowId }, taskQueueType: 1, reportStats: true },
        });
      await vi.waitFor(async () => expect(Number((await backlog()).stats?.approximateBacklogCount)).toBe(1), {
        timeout: 15_000,
        interval: 200,
      });
      return async (at: TemporalDevServer) => {
        const connected = await connect(at.address);
        const polled = await connected.withDeadline(Date.now() + 20_000, () =>
          connected.workflowService.pollWorkflowTaskQueue({
            ...{ namespace: 'default', taskQueue: { name: workflowId } },
          }),
        );
        return polled.workflowExecution?.workflowId;
      };
    };
    const fair = await start({ dbFilename });
    const queued = await firstTask(fair, 'queued');
    await fair.stop();
    expect(existsSync(mark)).toBe(true);
    const again = await start({ dbFilename });
    expect(await queued(again)).toBe('queued');
    await again.stop();

    rmSync(mark);
    const older = await start({ dbFilename });
    const kept = await firstTask(older, 'kept');
    await older.stop();
    const since = await start({ dbFilename });
    expect(await kept(since)).toBe('kept');
    expect(existsSync(mark)).toBe(false);
  });

  it('a dev server is gone after stop, even when stopped twice', async () => {
    const server = await start();
    await Promise.all([server.stop(), server.stop()]);
    await isGone(server.address);
  });

  it('a dev server dies with its parent, even when that is killed with SIGKILL', async () => {
    const fixture = fileURLToPath(new URL('./parent.fixture.ts', import.meta.url));
    const parent = spawn(process.execPath, ['--import', 'tsx', fixture], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    cleanUp.push(() => parent.kill('SIGKILL'));
    const [address] = (await once(createInterface(parent.stdout), 'line')) as [string];
    await connect(address);
    parent.kill('SIGKILL');
    await isGone(address);
  });

  it('a dev server that cannot start reports its output', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'sluice-temporal-'));
    cleanUp.push(() => rmSync(directory, { recursive: true, force: true }));
    await expect(start({ dbFilename: directory })).rejects.toMatchObject({
      code: 'TEMPORAL_UNAVAILABLE',
      message: expect.stringMatching(/did not start\. It said: .*unable to open database/s) as string,
    });
  });
});
