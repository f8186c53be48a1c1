/**
 * A page that a developer happens to have open tries to use what `npm start` serves on loopback, without
 * tokens. The browser is a real one; what it sends to a server that refuses nothing shows that the attacks
 * arrive.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTemporalDevServer } from '../../worker/temporal-server/dev-server.js';
import { useApi } from '../api/support/api.js';
import { openBridge, type TestBridge } from '../ingress/support/bridge.js';
import { needs } from '../support/requirements.js';
import { waitFor } from '../support/wait-for.js';
import { attack } from './support/attack.mjs';
import { Chromium, type Page } from './support/chromium.js';

interface Trap {
  readonly url: string;
  readonly arrived: string[];
  readonly server: Server;
}

/** A server that refuses nothing, and gives pages of every origin a place. */
async function openTrap(): Promise<Trap> {
  const arrived: string[] = [];
  const server = createServer((request, response) => {
    const { method = '', headers, url = '' } = request;
    if (url !== '/favicon.ico' && url !== '/') {
      arrived.push(`${method} ${(headers['content-type'] ?? '-').split(';')[0] ?? ''}`);
    }
    request.resume().on('end', () => {
      response.setHeader('content-type', 'text/html').end('<!doctype html><body>a page</body>');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, arrived, server };
}

/** The ports at which the children of a process listen. */
function portsOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  return children.flatMap((child) => {
    const sockets = new Set(
      readdirSync(`/proc/${child}/fd`).map((fd) => {
        try {
          return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${child}/fd/${fd}`))?.[1];
        } catch {
          // It was closed in the meantime.
          return undefined;
        }
      }),
    );
    const lines = ['tcp', 'tcp6'].flatMap((name) =>
      readFileSync(`/proc/${child}/net/${name}`, 'utf8').split('\n'),
    );
    return lines.flatMap((line) => {
      const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/);
      return state === LISTENS && sockets.has(inode) ? [parseInt(local.split(':')[1] ?? '', 16)] : [];
    });
  });
}
const LISTENS = '0A';

describe('a page in a browser', needs('chromium'), () => {
  const api = useApi({ tenant: 'default', config: { auth: { kind: 'off' } } });
  let bridge: TestBridge;
  let trap: Trap;
  let browser: Chromium;
  beforeAll(async () => {
    await api().sluice.publish(
      '{id: on-x, version: 1, triggers: [{type: event, eventName: X}], steps: [], result: 1}',
    );
    [bridge, trap, browser] = await Promise.all([openBridge(api().sluice), openTrap(), Chromium.start()]);
  });
  afterAll(async () => {
    await browser?.stop();
    trap?.server.close();
    trap?.server.closeAllConnections();
    await bridge?.stop();
  });

  const event = (): string =>
    JSON.stringify({
      eventId: randomUUID(),
      source: 'page',
      eventName: 'X',
      correlationKey: 'k',
      payload: {},
    });
  const start = (): string => JSON.stringify({ definition: 'on-x', payload: {} });
  const attackFrom = async (page: Page, url: string, body: string): Promise<unknown> =>
    page.evaluate(`(${attack.toString()})(${JSON.stringify(url)}, ${JSON.stringify(body)})`);
  const origins = () => {
    const { port } = new URL(trap.url);
    // Another site, and another port of the same one.
    return [`http://evil.example:${port}`, `http://127.0.0.1:${port}`, `http://localhost:${port}`];
  };
  const runs = async (): Promise<string[]> => {
    const { items } = await api().sluice.projections.reads.listRuns('default');
    return items.map(({ runId }) => runId);
  };

  it('what a foreign page sends arrives at a server that refuses nothing', async () => {
    const page = await browser.open(origins()[0] ?? '');
    const other = trap.url.replace('127.0.0.1', 'victim.example');
    await attackFrom(page, `${other}/events`, event());
    await waitFor(() => trap.arrived.length >= 10);
    expect([...new Set(trap.arrived)].sort()).toEqual([
      'GET -',
      'OPTIONS -',
      'POST -',
      'POST application/x-www-form-urlencoded',
      'POST multipart/form-data',
      'POST text/plain',
    ]);
  });

  it('a foreign page starts nothing and reads nothing at the bridge and at the API', async () => {
    for (const origin of origins()) {
      const page = await browser.open(origin);
      expect(await attackFrom(page, `${bridge.url}/events`, event())).toEqual([]);
      expect(await attackFrom(page, `${api().url}/v1/runs`, start())).toEqual([]);
      expect(await attackFrom(page, `${api().url}/v1/events`, event())).toEqual([]);
    }
    const events = await api().sluice.projections.events.list('default', {}, {});
    expect([events.items, await runs()]).toEqual([[], []]);
  });

  it('a page whose name was made to point at this machine gets neither door (DNS rebinding)', async () => {
    for (const [door, path, body] of [
      [bridge.url, '/events', event()],
      [api().url, '/v1/runs', start()],
    ] as const) {
      const own = door.replace('127.0.0.1', 'rebind.example');
      // The page is of that origin, so no rule of the browser is in its way.
      const page = await browser.open(own);
      const answers = await page.evaluate(`Promise.all([
        fetch(${JSON.stringify(path)}).then((answer) => answer.status),
        fetch(${JSON.stringify(path)}, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: ${JSON.stringify(body)},
        }).then((answer) => answer.status),
      ])`);
      expect([door, answers]).toEqual([door, [403, 403]]);
    }
    expect(await runs()).toEqual([]);
  });

  it('the same bodies start runs where a program sends them', async () => {
    const json = { 'content-type': 'application/json' };
    const send = (url: string, body: string) => fetch(url, { method: 'POST', headers: json, body });
    expect((await send(`${bridge.url}/events`, event())).status).toBe(202);
    expect((await send(`${api().url}/v1/runs`, start())).status).toBe(201);
    await waitFor(async () => (await runs()).length === 2);
  });

  it('a foreign page starts nothing at any port of the Temporal server of the stack', async () => {
    const server = await startTemporalDevServer({ env: process.env, log: () => undefined });
    const connection = await Connection.connect({ address: server.address });
    try {
      const page = await browser.open(origins()[0] ?? '');
      const body = JSON.stringify({ workflowType: { name: 'x' }, taskQueue: { name: 'q' } });
      const ports = portsOf(server.pid);
      // gRPC, the Web UI, metrics, and the HTTP API, whose port no one has chosen.
      expect(ports.length).toBeGreaterThanOrEqual(4);
      const path = '/api/v1/namespaces/default/workflows/w-1';
      // A port of gRPC answers no page, and does not close the connection either.
      await page.evaluate(`Promise.all(${JSON.stringify(ports)}.map((port) =>
        fetch('http://127.0.0.1:' + port + '${path}', {
          method: 'POST',
          mode: 'no-cors',
          body: ${JSON.stringify(body)},
          signal: AbortSignal.timeout(3000),
        }).catch(() => undefined),
      ))`);
      const described = new Client({ connection }).workflow.getHandle('w-1').describe();
      await expect(described).rejects.toMatchObject({ name: 'WorkflowNotFoundError' });
    } finally {
      await connection.close();
      await server.stop();
    }
  });
});
