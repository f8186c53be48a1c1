/**
 * The deployment of docker-compose.yml without Docker: its processes, commands, variables and health
 * checks, with the content of the image, against real Temporal, SurrealDB and Redis servers.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKey } from '../../api/index.js';
import { createSluiceClient, type SluiceClient, type StartedRun } from '../../client/index.js';
import { needs } from '../support/requirements.js';
import { exampleOrder, orderPaid } from '../support/example-payloads.js';
import { waitFor } from '../support/wait-for.js';
import { requiredVariables } from './support/compose-file.js';
import { Deployment, writeReadable } from './support/deployment.js';
import { makeImage, type Image } from './support/image.js';

const LIMIT_MS = 180_000;
const MOST_ORDERS = 50;

describe('docker-compose.yml, as processes', needs('surreal', 'redis'), () => {
  let image: Image;
  let deployment: Deployment;
  let client: SluiceClient;
  let directory: string;
  let given: Record<string, string>;
  let key: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'sluice-keys-'));
    chmodSync(directory, 0o755);
    image = await makeImage();
    const made = makeKey({ name: 'operator', roles: ['admin'], tenants: ['default'] });
    key = made.key;
    given = Object.fromEntries(requiredVariables().map((name) => [name, randomBytes(12).toString('hex')]));
    given['SLUICE_API_KEYS'] = writeReadable(
      join(directory, 'api-keys.json'),
      JSON.stringify({ keys: [made.entry] }),
    );
    deployment = await Deployment.create(image, given);
    await deployment.up();
    const { TEMPORAL_NAMESPACE: namespace = '' } = deployment.service('worker').environment;
    client = await createSluiceClient({
      address: await deployment.at('temporal:7233'),
      connectionOptions: {
        // Node warns where the name of a TLS server is an address.
        tls: {
          serverRootCACertificate: readFileSync(deployment.path('certificates/ca.pem')),
          serverNameOverride: 'localhost',
        },
      },
      namespace,
      taskQueue: 'sluice',
    });
  }, LIMIT_MS);

  afterAll(async () => {
    await client?.close();
    await deployment?.stop();
    image?.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  it('the deployment comes up: every process is healthy, and two workers poll', () => {
    for (const name of ['temporal', 'surrealdb', 'redis', 'api', 'bridge']) {
      expect(deployment.running(name), name).toHaveLength(1);
    }
    expect(deployment.running('worker')).toHaveLength(2);
  });

  it('sluice doctor finds no problem in the image with the variables of a worker', async () => {
    const { child, output } = await deployment.run('worker', ['doctor']);
    expect(output).toMatch(/✔ packages .*as pinned/);
    expect(output).toMatch(/✔ task queue +2 worker\(s\) poll sluice/);
    expect(output).toMatch(/✔ database +surrealdb-3/);
    expect(output).toMatch(/\n0 failed, /);
    expect(child.exitCode).toBe(0);
  });

  it('the deployment comes up a second time over its data: one-time services may run twice', async () => {
    await deployment.start('temporal-search-attributes');
    const again = await deployment.start('migrate');
    expect(again.output).not.toContain('(applied now)');
  });

  it(
    'every order ends on two workers, although one of them is killed',
    async () => {
      await client.publishDefinition(
        readFileSync(new URL('../../examples/order-fulfilment.yaml', import.meta.url), 'utf8'),
      );
      // Whichever worker is free takes a run: orders follow one another until both have worked.
      const runs: StartedRun[] = [];
      do {
        const run = await client.start('order-fulfilment', exampleOrder(`compose-${runs.length}`));
        await waitFor(async () => (await client.state(run.workflowId)).status === 'WAITING', 60_000);
        runs.push(run);
      } while ((await workersOf(runs)).size < 2 && runs.length < MOST_ORDERS);
      expect((await workersOf(runs)).size).toBe(2);

      const [lost] = deployment.running('worker');
      await lost?.end('SIGKILL');
      for (const i of runs.keys()) await pay(`compose-${i}`);
      for (const run of runs) {
        expect(await client.result(run.workflowId, run.runId)).toMatchObject({ state: 'SHIPPED' });
      }
      const listed = await api('/v1/runs?status=SUCCEEDED&limit=100');
      expect(listed.status).toBe(200);
      expect(((await listed.json()) as { items: unknown[] }).items).toHaveLength(runs.length);
    },
    LIMIT_MS,
  );

  it('the API and the bridge refuse requests without a token', async () => {
    expect((await fetch(`http://${await deployment.at('api:8235')}/v1/runs`)).status).toBe(401);
    const bridge = await fetch(`http://${await deployment.at('bridge:8234')}/events`, { method: 'POST' });
    expect(bridge.status).toBe(401);
  });

  it('the database has no root user, and an account of a process makes no account and leaves its database not', async () => {
    const everyone = ['worker', 'bridge', 'api', 'migrate'];
    for (const name of everyone) {
      const { SURREAL_USER: user = '', SURREAL_PASS: password = '' } = deployment.service(name).environment;
      expect(user).toBe(name);
      for (const [query, allowed] of [
        ['SELECT id FROM run LIMIT 1;', true],
        ["DEFINE USER more ON DATABASE PASSWORD 'x' ROLES OWNER;", false],
        ['REMOVE USER operator ON DATABASE;', false],
        ['DEFINE DATABASE another;', false],
        ['INFO FOR ROOT;', false],
      ] as const) {
        expect(await deployment.query(query, user, password), `${name}: ${query}`).toBe(allowed);
      }
    }
    const operator = given['SURREAL_PASS_OPERATOR'] ?? '';
    expect(await deployment.query('INFO FOR DB;', 'operator', operator)).toBe(true);
    expect(await deployment.query('INFO FOR ROOT;', 'operator', operator)).toBe(false);
    expect(await deployment.query('INFO FOR DB;', 'worker', operator)).toBe(false);
  });

  it('the account of the bridge in Redis has the one stream, and the default account is off', async () => {
    const ca = readFileSync(deployment.path('/certificates/ca.pem'), 'utf8');
    const address = new URL(`rediss://${await deployment.at('redis:6379')}`);
    const ask = async (username: string, ...words: [string, ...string[]]): Promise<string> => {
      const redis = new Redis(address.href, {
        username,
        password: given['REDIS_PASSWORD'] ?? '',
        tls: { ca },
        lazyConnect: true,
        retryStrategy: () => null,
      });
      redis.on('error', () => undefined);
      try {
        await redis.connect();
        return String(await redis.call(...words));
      } catch (error) {
        return String(error);
      } finally {
        redis.disconnect();
      }
    };
    expect(await ask('bridge', 'XLEN', 'sluice:events')).toMatch(/^\d+$/);
    for (const words of [
      ['XADD', 'another', '*', 'a', 'b'],
      ['GET', 'sluice:events'],
      ['DEL', 'sluice:events'],
      ['FLUSHALL'],
      ['CONFIG', 'GET', '*'],
      ['ACL', 'LIST'],
      ['CLIENT', 'KILL', 'TYPE', 'normal'],
    ] as [string, ...string[]][]) {
      expect(await ask('bridge', ...words), words.join(' ')).toMatch(/NOPERM/);
    }
    expect(await ask('default', 'PING')).not.toBe('PONG');
  });

  it(
    'each process ends on SIGTERM with exit code 0',
    async () => {
      for (const name of ['api', 'bridge', 'worker']) {
        for (const process of deployment.running(name)) {
          expect({ name, code: await process.end('SIGTERM'), output: process.output }).toMatchObject({
            code: 0,
          });
        }
      }
    },
    LIMIT_MS,
  );

  /** Identities of the workers that have worked on these runs. */
  async function workersOf(runs: readonly StartedRun[]): Promise<ReadonlySet<string>> {
    const seen = new Set<string>();
    for (const { workflowId } of runs) {
      const { events } = await client.temporal.workflow.getHandle(workflowId).fetchHistory();
      for (const event of events ?? []) {
        const identity =
          event.workflowTaskStartedEventAttributes?.identity ??
          event.activityTaskStartedEventAttributes?.identity;
        if (identity) seen.add(identity);
      }
    }
    return seen;
  }

  async function pay(orderId: string): Promise<void> {
    const { eventId, source, eventName, payload } = orderPaid(orderId);
    const response = await fetch(`http://${await deployment.at('bridge:8234')}/events`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${given['SLUICE_BRIDGE_TOKEN']}`,
      },
      body: JSON.stringify({ eventId, source, eventName, payload, workflow_correlation_key: orderId }),
    });
    expect(response.status).toBe(202);
  }

  async function api(path: string): Promise<Response> {
    return fetch(`http://${await deployment.at('api:8235')}${path}`, {
      headers: { authorization: `Bearer ${key}` },
    });
  }
});
