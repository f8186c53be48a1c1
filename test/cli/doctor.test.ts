/** `sluice doctor`, with each real dependency broken in turn. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { doctorCommand } from '../../cli/commands/maintenance/doctor.js';
import { Terminal } from '../../cli/terminal/terminal.js';
import type { Json } from '../../contracts/json.js';
import { openProjections } from '../../projections/index.js';
import { freePort } from '../../worker/temporal-server/ports.js';
import { startServer, type Server } from '../support/servers/surreal-server.js';
import { needs } from '../support/requirements.js';
import { RedisServer } from '../support/servers/redis-server.js';
import { makeClone } from '../support/clone.js';
import { runCommand } from '../support/command.js';
import { suiteTemporal } from '../support/services.js';
import { useSluice } from '../support/sluice.js';
import { waitFor } from '../support/wait-for.js';

const BIN = fileURLToPath(new URL('../../cli/bin.mjs', import.meta.url));
const SHIFT = new URL('./shifted-clock.fixture.mjs', import.meta.url).href;

interface Line {
  /** Absent in the summary. */
  readonly check?: string;
  readonly status: string;
  readonly found: string;
  readonly code?: string;
  readonly fix?: string;
}

/** A line of `--json`, with the `fix` of the finding. */
function lineOf(value: unknown): Line {
  const { mend: fix, ...line } = value as Record<string, string>;
  return { ...line, ...(fix !== undefined && { fix }) } as unknown as Line;
}

class Listening extends Terminal {
  readonly lines: Record<string, Line> = {};
  constructor() {
    super({}, { json: true });
  }
  override data(value: Json): void {
    const line = lineOf(value);
    if (line.check !== undefined) this.lines[line.check] = line;
  }
}

let directory: string;
let store: string;
let base: Record<string, string>;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-doctor-'));
  store = `surrealkv://${join(directory, 'db')}`;
  await (await openProjections({ url: store })).close();
  const { address, namespace } = await suiteTemporal();
  base = {
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
    SLUICE_TASK_QUEUE: `doctor-${randomUUID()}`,
    SURREAL_URL: store,
  };
});
afterAll(() => rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));

async function doctor(env: Record<string, string> = {}, options: { readonly tryWrites?: boolean } = {}) {
  const terminal = new Listening();
  const code = await doctorCommand(terminal, { ...base, ...env }, options);
  return { code, ...terminal.lines };
}

const nowhere = async () => `127.0.0.1:${await freePort('127.0.0.1')}`;

it('doctor finds everything in order, and warns that no worker polls', async () => {
  const report = await doctor();
  expect(report).toMatchObject({
    code: 0,
    node: { status: 'ok' },
    packages: { status: 'ok' },
    native: { status: 'ok' },
    configuration: { status: 'ok' },
    project: { status: 'ok' },
    temporal: { status: 'ok', found: expect.stringContaining(base['TEMPORAL_ADDRESS'] ?? '') as string },
    'temporal settings': {
      status: 'skip',
      found: expect.stringContaining('matching.enableFairness') as string,
    },
    namespace: { status: 'ok' },
    'search attributes': { status: 'ok' },
    'temporal clock': { status: 'ok' },
    'task queue': { status: 'warn', fix: expect.stringContaining('sluice worker') as string },
    database: { status: 'ok' },
    schema: { status: 'ok' },
    redis: { status: 'skip' },
  });
});

describe('Temporal', () => {
  it('a Temporal that does not answer is one failure, and doctor still checks everything else', async () => {
    const address = await nowhere();
    const report = await doctor({ TEMPORAL_ADDRESS: address });
    expect(report).toMatchObject({
      code: 3,
      temporal: {
        status: 'fail',
        code: 'TEMPORAL_UNAVAILABLE',
        fix: expect.stringContaining('TEMPORAL_ADDRESS') as string,
      },
      namespace: { status: 'skip' },
      'search attributes': { status: 'skip' },
      schema: { status: 'ok' },
    });
    expect((report as unknown as Record<string, Line>)['temporal']?.found).toContain(address);
  });

  it('a missing namespace is a failure that says how to create it', async () => {
    expect(await doctor({ TEMPORAL_NAMESPACE: 'no-such-namespace' })).toMatchObject({
      code: 3,
      temporal: { status: 'ok' },
      namespace: {
        status: 'fail',
        code: 'TEMPORAL_NAMESPACE_NOT_FOUND',
        fix: expect.stringContaining('temporal operator namespace create') as string,
      },
      'search attributes': { status: 'skip' },
    });
  });

  it('a namespace without the search attributes is a failure with the commands that register them', async () => {
    const namespace = `bare-${randomUUID().slice(0, 8)}`;
    const connection = await Connection.connect({ address: base['TEMPORAL_ADDRESS'] ?? '' });
    try {
      await connection.workflowService.registerNamespace({
        namespace,
        workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
      });
      await waitFor(() =>
        connection.workflowService.describeTaskQueue({ namespace, taskQueue: { name: 'x' } }),
      );
    } finally {
      await connection.close();
    }
    const report = await doctor({ TEMPORAL_NAMESPACE: namespace, SLUICE_RETENTION_DAYS: '1' });
    expect(report).toMatchObject({
      code: 3,
      namespace: { status: 'warn', fix: expect.stringContaining('SLUICE_RETENTION_DAYS') as string },
      'search attributes': {
        status: 'fail',
        code: 'SEARCH_ATTRIBUTE_MISSING',
        found: expect.stringContaining(
          `temporal operator search-attribute create --namespace ${namespace} --name SluiceTenant --type Keyword`,
        ) as string,
      },
    });
  });
});

describe('the clock', () => {
  it.each([
    [90_000, 3, { status: 'fail', code: 'CLOCK_SKEW' }, /(8\d|90)\.\d s ahead of Temporal/],
    [-20_000, 0, { status: 'warn' }, /(1\d|20)\.\d s behind Temporal/],
  ])('a clock that is off by %i ms is reported', async (shift, exit, line, found) => {
    const env = { ...process.env, ...base, SHIFT_MS: String(shift), NODE_OPTIONS: `--import ${SHIFT}` };
    const { code, stdout } = await runCommand(process.execPath, [BIN, 'doctor', '--json'], { env });
    const lines = stdout
      .trim()
      .split('\n')
      .map((text) => lineOf(JSON.parse(text)));
    const clock = lines.find(({ check }) => check === 'temporal clock');
    expect(clock).toMatchObject(line);
    expect(code).toBe(exit);
    expect(clock?.found).toMatch(found);
    expect(clock?.fix).toContain('NTP');
  });
});

describe('an embedded store', () => {
  it('a missing store is a warning, and doctor does not create it', async () => {
    const url = `surrealkv://${join(directory, 'none')}`;
    expect(await doctor({ SURREAL_URL: url })).toMatchObject({ code: 0, database: { status: 'warn' } });
    expect(await doctor({ SURREAL_URL: url })).toMatchObject({ database: { status: 'warn' } });
  });

  it('the store of a newer Sluice is SCHEMA_TOO_NEW', async () => {
    const url = `surrealkv://${join(directory, 'newer')}`;
    const projections = await openProjections({ url });
    await projections.database.request(
      `CREATE schema_migration:9999 SET number = 9999, name = '9999-later', hash = 'x', applied_at = time::now()`,
    );
    await projections.close();
    expect(await doctor({ SURREAL_URL: url })).toMatchObject({
      code: 3,
      database: { status: 'ok' },
      schema: { status: 'fail', code: 'SCHEMA_TOO_NEW', fix: expect.stringContaining('Upgrade') as string },
    });
  });

  it('a store that lacks migrations is a warning that names `sluice migrate`', async () => {
    const url = `surrealkv://${join(directory, 'older')}`;
    const projections = await openProjections({ url });
    await projections.database.request('DELETE schema_migration WHERE number > 1');
    await projections.close();
    expect(await doctor({ SURREAL_URL: url })).toMatchObject({
      code: 0,
      schema: { status: 'warn', fix: expect.stringContaining('sluice migrate') as string },
    });
  });

  it('a store that another process has open is DATABASE_LOCKED with the id of that process', async () => {
    const url = `surrealkv://${join(directory, 'locked')}`;
    const projections = await openProjections({ url });
    try {
      const env = { ...process.env, ...base, SURREAL_URL: url };
      const { code, stdout } = await runCommand(process.execPath, [BIN, 'doctor'], { env });
      expect(code).toBe(3);
      expect(stdout).toMatch(new RegExp(`✘ database +DATABASE_LOCKED: .* is open in process ${process.pid}`));
      expect(stdout).toContain('→ Another process has the embedded store open.');
      expect(stdout).toMatch(/\n1 failed, \d+ warnings, \d+ passed\n$/);
    } finally {
      await projections.close();
    }
  });

  describe('that the worker has open', () => {
    const url = `surrealkv://${join(tmpdir(), `sluice-doctor-${randomUUID()}`)}`;
    const sluice = useSluice({ database: { url } });
    afterAll(() =>
      rmSync(url.slice('surrealkv://'.length), {
        recursive: true,
        force: true,
        maxRetries: 10,
        retryDelay: 50,
      }),
    );

    it('a store that the worker has open is in order', async () => {
      const { taskQueue } = sluice();
      await waitFor(async () => {
        const report = (await doctor({ SLUICE_TASK_QUEUE: taskQueue })) as unknown as Record<string, Line>;
        return report['task queue']?.status === 'ok';
      });
      const env = { ...process.env, ...base, SURREAL_URL: url, SLUICE_TASK_QUEUE: taskQueue };
      const { code, stdout } = await runCommand(process.execPath, [BIN, 'doctor'], { env });
      expect(stdout).toContain(`open in the worker ${process.pid}@${hostname()}`);
      expect(code).toBe(0);
    });
  });
});

describe('a SurrealDB server', needs('surreal'), () => {
  let server: Server;
  beforeAll(async () => void (server = await startServer()));
  afterAll(() => server.kill());
  const env = (more: Record<string, string> = {}) => ({
    SURREAL_URL: server.url,
    SURREAL_USER: 'root',
    SURREAL_PASS: 'root',
    ...more,
  });

  it('a server in order is reported with its version and its clock', async () => {
    await (await openProjections({ url: server.url, username: 'root', password: 'root' })).close();
    expect(await doctor(env())).toMatchObject({
      code: 0,
      database: { status: 'ok', found: expect.stringContaining('surrealdb-3') as string },
      schema: { status: 'ok' },
      'database clock': { status: 'ok' },
    });
  });

  it('a server that loses updates is a failure with tryWrites, which leaves no table behind', async () => {
    const lossy = await startServer({ store: `surrealkv://${join(directory, 'lossy')}` });
    try {
      const options = { url: lossy.url, username: 'root', password: 'root' };
      const projections = await openProjections(options);
      const tables = async () => JSON.stringify(await projections.database.request('INFO FOR DB'));
      const before = await tables();
      expect(await doctor(env({ SURREAL_URL: lossy.url }))).not.toHaveProperty('database writes');
      expect(await doctor(env({ SURREAL_URL: lossy.url }), { tryWrites: true })).toMatchObject({
        code: 3,
        'database writes': {
          status: 'fail',
          code: 'DATABASE_FAILED',
          found: expect.stringMatching(/^\d+ of \d+ concurrent updates of one row were lost$/) as string,
          fix: expect.stringContaining('rocksdb://PATH') as string,
        },
      });
      expect(await tables()).toBe(before);
      await projections.close();
    } finally {
      await lossy.kill();
    }
  });

  it('a database without a schema is a warning that names SURREAL_DATABASE', async () => {
    expect(await doctor(env({ SURREAL_DATABASE: 'elsewhere' }))).toMatchObject({
      code: 0,
      schema: { status: 'warn', fix: expect.stringContaining('SURREAL_DATABASE') as string },
    });
  });

  it('a server that refuses the password is DATABASE_AUTH, and doctor does not print the password', async () => {
    const report = await doctor(env({ SURREAL_PASS: 'wrong-and-not-to-be-shown' }));
    expect(report).toMatchObject({
      code: 3,
      database: {
        status: 'fail',
        code: 'DATABASE_AUTH',
        fix: expect.stringContaining('SURREAL_PASS') as string,
      },
      schema: { status: 'skip' },
    });
    expect(JSON.stringify(report)).not.toContain('wrong-and-not-to-be-shown');
  });

  it('a stopped server is DATABASE_UNAVAILABLE', async () => {
    expect(await doctor(env({ SURREAL_URL: `ws://${await nowhere()}` }))).toMatchObject({
      code: 3,
      database: { status: 'fail', code: 'DATABASE_UNAVAILABLE' },
      schema: { status: 'skip' },
    });
  });
});

describe('Redis', needs('redis'), () => {
  let redis: RedisServer;
  beforeAll(async () => void (redis = await RedisServer.start()));
  afterAll(() => redis.remove());

  it('a Redis in order is reported with its version and its unread events', async () => {
    expect(await doctor({ REDIS_URL: redis.url })).toMatchObject({
      code: 0,
      redis: { status: 'ok', found: expect.stringMatching(/Redis \d.*no events yet/) as string },
    });
  });

  it('a stopped Redis is REDIS_UNAVAILABLE', async () => {
    expect(await doctor({ REDIS_URL: `redis://${await nowhere()}` })).toMatchObject({
      code: 3,
      redis: {
        status: 'fail',
        code: 'REDIS_UNAVAILABLE',
        found: expect.stringContaining('ECONNREFUSED') as string,
      },
    });
  });

  it('a Redis that refuses the password is REDIS_REFUSED, and doctor does not print the password', async () => {
    const client = redis.connect();
    await client.config('SET', 'requirepass', 'the-right-one');
    client.disconnect();
    const url = redis.url.replace('redis://', 'redis://:wrong-and-not-to-be-shown@');
    const report = await doctor({ REDIS_URL: url });
    expect(report).toMatchObject({ code: 3, redis: { status: 'fail', code: 'REDIS_REFUSED' } });
    expect(JSON.stringify(report)).not.toContain('wrong-and-not-to-be-shown');
  });
});

describe('this installation', () => {
  it('doctor reports invalid variables and skips the checks that depend on them', async () => {
    const report = await doctor({ SLUICE_LOG_LEVEL: 'loud', SLUICE_BRIDGE_TRIES: 'many' });
    expect(report).toMatchObject({
      code: 3,
      configuration: { status: 'fail', code: 'CONFIG_INVALID' },
      temporal: { status: 'skip' },
      node: { status: 'ok' },
    });
  });

  it('a configured bridge that does not answer is BRIDGE_UNAVAILABLE', async () => {
    expect(await doctor({ SLUICE_BRIDGE_URL: `http://${await nowhere()}` })).toMatchObject({
      code: 3,
      bridge: { status: 'fail', code: 'BRIDGE_UNAVAILABLE' },
    });
  });

  it('a configured API that does not answer is API_UNAVAILABLE', async () => {
    expect(await doctor({ SLUICE_API_URL: `http://${await nowhere()}` })).toMatchObject({
      code: 3,
      api: { status: 'fail', code: 'API_UNAVAILABLE' },
    });
  });

  it('doctor names packages that are not the pinned ones', async () => {
    const clone = makeClone();
    try {
      const path = join(clone.root, 'package.json');
      const manifest = readFileSync(path, 'utf8').replace(/"commander": "[^"]+"/, '"commander": "0.0.1"');
      writeFileSync(path, manifest);
      const args = [join(clone.root, 'cli', 'bin.mjs'), 'doctor'];
      const { code, stdout } = await runCommand(process.execPath, args, { env: { ...clone.env, ...base } });
      expect(code).toBe(3);
      expect(stdout).toMatch(/✘ packages .*commander \d+\.\d+\.\d+ \(wants 0\.0\.1\)/);
      expect(stdout).toContain('npm ci');
    } finally {
      clone.remove();
    }
  });
});
