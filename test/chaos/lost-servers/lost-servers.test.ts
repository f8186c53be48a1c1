/**
 * A worker, a bridge and an API as processes, whose servers are lost one after the other, in every way but
 * a clean end. Nothing is lost or doubled, health and metrics say what is lost, and a stop always ends. One
 * stack goes through all of it, in this order.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StartedRun } from '../../../client/index.js';
import { connect } from '../../../projections/index.js';
import { freePort } from '../../../worker/temporal-server/ports.js';
import {
  startTemporalDevServer,
  type TemporalDevServer,
} from '../../../worker/temporal-server/dev-server.js';
import { startProxy, type Proxy } from '../../support/servers/proxy.js';
import { RedisServer } from '../../support/servers/redis-server.js';
import { startServer, type Server } from '../../support/servers/surreal-server.js';
import { needs, surrealBinary } from '../../support/requirements.js';
import { waitFor } from '../../support/wait-for.js';
import { Stack } from '../stack.js';
import type { WorkerProcess } from '../worker-process.js';
import { DEFINITION, expectUndisturbed, startRuns } from './each-item.js';
import { Processes } from './processes.js';

const LIMIT_MS = 300_000;
const NAMESPACE = 'lost';

describe('Processes whose servers are lost', needs('surreal', 'redis'), () => {
  let temporal: TemporalDevServer;
  let redis: RedisServer;
  let server: Server;
  let proxy: Proxy;
  let stack: Stack;
  let worker: WorkerProcess;
  let processes: Processes;

  beforeAll(async () => {
    [temporal, redis, server] = await Promise.all([
      startTemporalDevServer({
        env: process.env,
        log: () => undefined,
        namespace: NAMESPACE,
        headless: true,
      }),
      RedisServer.start(),
      startServer(),
    ]);
    proxy = await startProxy(server.port);
    const env = {
      SURREAL_URL: `ws://127.0.0.1:${proxy.port}`,
      SURREAL_USER: 'root',
      SURREAL_PASS: 'root',
      SURREAL_SILENT_MS: '2000',
      SLUICE_WORKER_HEALTH_HTTP: `127.0.0.1:${await freePort('127.0.0.1')}`,
      SLUICE_WORKER_METRICS_HTTP: `127.0.0.1:${await freePort('127.0.0.1')}`,
      SLUICE_BRIDGE_HTTP: `127.0.0.1:${await freePort('127.0.0.1')}`,
      SLUICE_API_HTTP: `127.0.0.1:${await freePort('127.0.0.1')}`,
      REDIS_URL: redis.url,
      REDIS_SILENT_MS: '1000',
    };
    stack = await Stack.open({ temporal: { address: temporal.address, namespace: NAMESPACE }, env });
    processes = new Processes(stack.workerEnv);
    [worker] = await Promise.all([stack.startWorker(), processes.start()]);
    await stack.client.publishDefinition(DEFINITION);
    await processes.show([]);
  }, LIMIT_MS);
  afterAll(async () => {
    temporalSignal('SIGCONT');
    redis?.resume();
    server?.resume();
    processes?.kill();
    await stack?.close();
    await proxy?.close();
    await server?.kill();
    await redis?.remove();
    await temporal?.stop();
  }, LIMIT_MS);

  const temporalSignal = (signal: NodeJS.Signals): void => {
    // The supervisor leads a process group of itself and the server.
    if (temporal !== undefined) process.kill(-temporal.pid, signal);
  };
  const undisturbed = (runs: readonly StartedRun[]) => expectUndisturbed(stack, runs, server.url);

  it('the runs end as undisturbed ones when the password of the database is changed and put back [database-is-dialled-without-end]', async () => {
    const root = await connect({ url: server.url, username: 'root', password: 'root' });
    const rename = (password: string) =>
      root.request(`DEFINE USER OVERWRITE root ON ROOT PASSWORD '${password}' ROLES OWNER`);
    await rename('changed');
    proxy.cut();
    const runs = await startRuns(stack);
    await waitFor(() => worker.output.includes('refuses the user root'));
    await rename('root');
    await root.close();
    await undisturbed(runs);
    expect(worker.output).toContain('The database is connected again');
  });

  it('the runs end as undisturbed ones when the database goes silent, and Temporal and Redis are stopped by SIGSTOP and continued [every-call-to-a-service-ends]', async () => {
    const runs = await startRuns(stack);
    proxy.silence();
    temporalSignal('SIGSTOP');
    redis.pause();
    await processes.show(['database', 'temporal']);
    await waitFor(() => processes.says('bridge', /"waiting"/, 'sluice_redis_connected 0'));
    expect(worker.output).toContain('has said nothing');
    proxy.speak();
    temporalSignal('SIGCONT');
    redis.resume();
    const bus = redis.connect();
    const late = { eventId: 'late', eventName: 'LATE', workflow_correlation_key: 'k' };
    await bus.xadd('sluice:events', '*', 'event', JSON.stringify(late));
    bus.disconnect();
    await processes.show([]);
    await waitFor(() => processes.says('bridge', /"ok"/, 'sluice_redis_connected 1'));
    await waitFor(() => processes.hasEvent('late'));
    await undisturbed(runs);
  });

  it('a database that comes back empty gets nothing until its restore has ended [an-empty-database-waits-for-its-restore]', async () => {
    const file = join(stack.directory, 'backup.surql');
    const before = await startRuns(stack);
    await undisturbed(before);
    const surreal = async (act: string) => {
      const place = [
        '--username',
        'root',
        '--password',
        'root',
        '--namespace',
        'sluice',
        '--database',
        'sluice',
      ];
      const endpoint = ['--endpoint', server.url.replace('ws:', 'http:')];
      await promisify(execFile)(surrealBinary ?? '', [act, ...endpoint, ...place, file]);
    };
    await surreal('export');
    await server.kill();
    server = await startServer({ port: server.port });
    const runs = await startRuns(stack);
    await processes.show(['database']);
    await surreal('import');
    await processes.show([]);
    await undisturbed([...before, ...runs]);
  });

  it(
    'worker, bridge and API end within their grace while every server is stopped by SIGSTOP, and the next worker ends the runs',
    async () => {
      const runs = await startRuns(stack);
      temporalSignal('SIGSTOP');
      redis.pause();
      server.pause();
      worker.terminate();
      // By themselves: a signal would give null.
      expect(await Promise.all([worker.ended(), ...processes.terminate()])).toEqual(
        Array.from({ length: 3 }, () => expect.any(Number) as number),
      );
      server.resume();
      redis.resume();
      temporalSignal('SIGCONT');
      await stack.startWorker();
      await undisturbed(runs);
    },
    LIMIT_MS,
  );
});
