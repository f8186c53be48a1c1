/** A worker whose database is lost: runs end as if nothing had happened, and a stop always ends. */
import { describe, expect, it } from 'vitest';
import type { StartedRun } from '../../../client/index.js';
import { connect, openProjections } from '../../../projections/index.js';
import { startProxy, type Proxy } from '../../support/servers/proxy.js';
import { startServer, type Server } from '../../support/servers/surreal-server.js';
import { needs } from '../../support/requirements.js';
import { waitFor } from '../../support/wait-for.js';
import { Stack } from '../stack.js';
import type { WorkerProcess } from '../worker-process.js';

const LIMIT_MS = 300_000;
const RUNS = 4;
const ITEMS = 8;

const DEFINITION = `
id: each
version: 1
steps:
  - id: all
    type: control.forEach
    items: { $expr: "[1..${ITEMS}]" }
    body: [{ id: say, type: action.call, action: core.echo, input: { $expr: item } }]
result: { $expr: payload.name }
`;

interface Scene {
  readonly stack: Stack;
  readonly server: Server;
  readonly proxy: Proxy;
  readonly worker: WorkerProcess;
  readonly start: () => Promise<readonly StartedRun[]>;
}

const credentials = { username: 'root', password: 'root' };

/** A worker whose database is a server behind a proxy. */
async function scene(test: (scene: Scene) => Promise<void>): Promise<void> {
  const server = await startServer();
  const proxy = await startProxy(server.port);
  const env = { SURREAL_URL: `ws://127.0.0.1:${proxy.port}`, SURREAL_USER: 'root', SURREAL_PASS: 'root' };
  try {
    await Stack.with({ env }, async (stack) => {
      const worker = await stack.startWorker();
      await stack.client.publishDefinition(DEFINITION);
      const start = (): Promise<readonly StartedRun[]> =>
        Promise.all(Array.from({ length: RUNS }, (_, i) => stack.client.start('each', { name: `run ${i}` })));
      await test({ stack, server, proxy, worker, start });
    });
  } finally {
    await proxy.close();
    server.resume();
    await server.kill();
  }
}

/** Every run has ended as an undisturbed one, and its log has each of its steps once. */
async function expectUndisturbed({ stack, server }: Scene, runs: readonly StartedRun[]): Promise<void> {
  expect(await Promise.all(runs.map((run) => stack.end(run)))).toEqual(runs.map((_, i) => `run ${i}`));
  const projections = await openProjections({ url: server.url, ...credentials });
  try {
    for (const { runId } of runs) {
      const log = await projections.reads.checkContiguity('default', runId);
      expect(log).toMatchObject({ gaps: [], doubled: [] });
      const used = await projections.reads.listInvocations('default', runId);
      expect(used.map(({ status }) => status)).toEqual(Array.from({ length: ITEMS }, () => 'SUCCEEDED'));
    }
  } finally {
    await projections.close();
  }
}

describe('A worker that loses its database', needs('surreal'), () => {
  it(
    'the runs end as undisturbed ones when the password of the database is changed and put back [database-is-dialled-without-end]',
    () =>
      scene(async (all) => {
        const root = await connect({ url: all.server.url, ...credentials });
        const rename = (password: string) =>
          root.request(`DEFINE USER OVERWRITE root ON ROOT PASSWORD '${password}' ROLES OWNER`);
        await rename('changed');
        all.proxy.cut();
        const runs = await all.start();
        await waitFor(() => all.worker.output.includes('refuses the user root'));
        await rename('root');
        await root.close();
        await expectUndisturbed(all, runs);
        expect(all.worker.output).toContain('The database is connected again');
      }),
    LIMIT_MS,
  );

  it(
    'the runs end as undisturbed ones when the connection to the database goes silent',
    () =>
      scene(async (all) => {
        all.proxy.silence();
        const runs = await all.start();
        await waitFor(() => all.worker.output.includes('has said nothing'));
        all.proxy.speak();
        await expectUndisturbed(all, runs);
      }),
    LIMIT_MS,
  );

  it(
    'a worker whose database is stopped by SIGSTOP ends within its grace, and the next one ends its runs',
    () =>
      scene(async (all) => {
        all.server.pause();
        const runs = await all.start();
        await waitFor(() => all.worker.output.includes('is lost'));
        all.worker.terminate();
        // By itself: a signal would give null.
        expect(await all.worker.ended()).toEqual(expect.any(Number));
        all.server.resume();
        await all.stack.startWorker();
        await expectUndisturbed(all, runs);
      }),
    LIMIT_MS,
  );
});
