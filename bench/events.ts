/**
 * npm run bench -- events: the cost of the event bridge.
 *
 * 1. Events per second through the bridge (audit row and one signal each), from the stream, against a loop of
 *    bare signals of Temporal's client to the same runs of the same server in the same process.
 * 2. Time from XADD, and from the HTTP request, to the start of the step that follows the wait, with 1, 1,000
 *    and 10,000 waits open beside it.
 *
 * Temporal's dev server, an embedded database on disk as npm start has it, a worker, the bridge and Redis
 * share this machine.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker';
import { Redis } from 'ioredis';
import { z } from 'zod';
import { builtInActions, createActionRegistry, defineAction } from '../actions/index.js';
import { createSluiceClient, type SluiceClient } from '../client/index.js';
import { startBridge } from '../ingress/index.js';
import { openProjections, type Projections } from '../projections/index.js';
import { createSluiceWorker } from '../worker/processes/create-worker.js';
import { startTemporalDevServer } from '../worker/temporal-server/dev-server.js';
import { freePort } from '../worker/temporal-server/ports.js';
import { spawnSupervised } from '../worker/temporal-server/supervised-process.js';
import { loadWorkflowBundle } from '../worker/temporal/workflow-bundle.js';

const EVENTS = 1_000;
const TARGETS = 100;
const SAMPLES = 40;
const POPULATIONS = [1, 1_000, 10_000];
const LANES = 100;
const AT_ONCE = 64;
const STREAM = 'bench:events';

const TARGET = `
id: target
version: 1
steps:
  - id: w
    type: event.wait
    eventName: NOISE
    correlationKey: { $expr: payload.key }
    filters: [{ path: never, op: exists }]
`;
const CROWD = `
id: crowd
version: 1
steps:
  - id: each
    type: control.forEach
    items: { $expr: payload.keys }
    concurrency: ${LANES}
    body: [{ id: w, type: event.wait, eventName: PROBE, correlationKey: { $expr: item } }]
`;
const PROBE = `
id: probe
version: 1
steps:
  - { id: w, type: event.wait, eventName: PROBE, correlationKey: { $expr: payload.key } }
  - { id: next, type: action.call, action: bench.mark, input: { key: { $expr: payload.key } } }
`;

const marks = new Map<string, (at: number) => void>();
const mark = defineAction({
  id: 'bench.mark',
  version: 1,
  description: 'Says when it was started.',
  input: z.object({ key: z.string() }),
  output: z.null(),
  run: ({ key }) => {
    marks.get(key)?.(performance.now());
    return Promise.resolve(null);
  },
});

async function until(probe: () => Promise<boolean>): Promise<void> {
  while (!(await probe())) await wait(10);
}

async function count(projections: Projections, table: string): Promise<number> {
  const [answer] = await projections.database.request(`SELECT count() FROM ${table} GROUP ALL`);
  const rows = z.array(z.object({ count: z.number() })).parse(answer?.ok === true ? answer.value : []);
  return rows[0]?.count ?? 0;
}

/**
 * True where a wait for PROBE with that key is registered. It does not count waits: that would load the
 * database under measurement.
 */
async function isOpen(projections: Projections, key: string): Promise<boolean> {
  const [answer] = await projections.database.request(
    `SELECT VALUE kind FROM open_wait:['default', 'PROBE', fn::event_key($key)]..['default', 'PROBE', fn::event_key($key), ..]`,
    { key },
  );
  return z.array(z.string()).parse(answer?.ok === true ? answer.value : []).length > 0;
}

/** Runs tasks with a limited concurrency. */
async function pool(total: number, task: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < total) await task(next++);
    }),
  );
}

const percentile = (values: readonly number[], p: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor((values.length * p) / 100))] ??
  NaN;

interface Bench {
  readonly client: SluiceClient;
  readonly projections: Projections;
  readonly redis: Redis;
  readonly redisUrl: string;
}

function bridgeOf({ client, projections, redisUrl }: Bench) {
  const say = (_: object, message: string): void => console.error(message);
  return startBridge({
    config: {
      http: { host: '127.0.0.1', port: 0 },
      token: undefined,
      redisUrl,
      stream: STREAM,
      group: 'bench',
      inFlight: AT_ONCE,
      claimMs: 30_000,
      tries: 5,
      paths: {},
    },
    projections,
    client,
    log: { info: () => undefined, warn: say, error: say },
  });
}

async function throughput(bench: Bench): Promise<void> {
  const { client, projections, redis } = bench;
  await client.publishDefinition(TARGET);
  const runs = await Promise.all(
    Array.from({ length: TARGETS }, (_, i) => client.start('target', { key: `t-${i}` })),
  );
  await until(async () => (await count(projections, 'open_wait')) === TARGETS);
  const event = (i: number, kind: string) => ({
    eventId: `${kind}-${i}`,
    eventName: 'NOISE',
    payload: { i },
  });

  const bareRound = async (kind: string): Promise<number> => {
    const started = performance.now();
    await pool(EVENTS, async (i) => {
      const target = runs[i % TARGETS]?.workflowId ?? '';
      const signal = { ...event(i, kind), correlationKey: `t-${i % TARGETS}` };
      await client.temporal.workflow.getHandle(target).signal('event', signal);
    });
    return EVENTS / ((performance.now() - started) / 1_000);
  };
  const bridgeRound = async (kind: string): Promise<number> => {
    for (let i = 0; i < EVENTS; i++) {
      const body = { ...event(i, kind), workflow_correlation_key: `t-${i % TARGETS}` };
      await redis.xadd(STREAM, '*', 'event', JSON.stringify(body));
    }
    const started = performance.now();
    const bridge = await bridgeOf(bench);
    await until(async () => {
      const [group] = (await redis.xinfo('GROUPS', STREAM)) as [unknown[]];
      const of = (name: string): number => Number(group[group.indexOf(name) + 1]);
      return of('lag') === 0 && of('pending') === 0;
    });
    const perSecond = EVENTS / ((performance.now() - started) / 1_000);
    await bridge.stop();
    return perSecond;
  };
  // Each twice, alternating, with an idle worker before each; the better round counts.
  const rounds = { bare: 0, bridge: 0 };
  let sent = 0;
  const idle = async (): Promise<void> => {
    sent += EVENTS;
    await until(async () => (await count(projections, `run_event WHERE type = 'EVENT_RECEIVED'`)) === sent);
  };
  for (const round of ['a', 'b']) {
    rounds.bare = Math.max(rounds.bare, await bareRound(`bare-${round}`));
    await idle();
    rounds.bridge = Math.max(rounds.bridge, await bridgeRound(`bridge-${round}`));
    await idle();
  }
  console.log(`\n${EVENTS} events to ${TARGETS} runs, ${AT_ONCE} concurrently, one signal each`);
  console.log(`  bare signals       ${rounds.bare.toFixed(0).padStart(7)} /s`);
  console.log(`  through the bridge ${rounds.bridge.toFixed(0).padStart(7)} /s, audit row included`);
  console.log(`  ratio              ${(rounds.bridge / rounds.bare).toFixed(2).padStart(7)}`);
  for (const { workflowId } of runs) await client.cancel(workflowId);
  await until(async () => (await count(projections, 'open_wait')) === 0);
}

async function latency(bench: Bench): Promise<void> {
  const { client, projections, redis } = bench;
  await client.publishDefinition(CROWD);
  await client.publishDefinition(PROBE);
  const bridge = await bridgeOf(bench);
  const send = {
    XADD: (event: object) => redis.xadd(STREAM, '*', 'event', JSON.stringify(event)),
    HTTP: (event: object) =>
      fetch(`${bridge.url}/events`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(event),
      }).then((response) => response.text()),
  };
  let probes = 0;
  const sample = async (way: keyof typeof send): Promise<number> => {
    const key = `probe-${++probes}`;
    await client.start('probe', { key });
    await until(() => isOpen(projections, key));
    const started = new Promise<number>((resolve) => marks.set(key, resolve));
    const sent = performance.now();
    await send[way]({ eventId: key, eventName: 'PROBE', workflow_correlation_key: key });
    const took = (await started) - sent;
    await until(async () => !(await isOpen(projections, key)));
    return took;
  };
  console.log(`\nFrom the event to the start of the next step, ms, ${SAMPLES} samples each`);
  console.log('  open waits   XADD p50    p99   HTTP p50    p99');
  const medians: Record<string, number[]> = { XADD: [], HTTP: [] };
  let open = 0;
  for (const population of POPULATIONS) {
    // The probe's wait is one of them.
    while (open < population - 1) {
      const keys = Array.from(
        { length: Math.min(LANES, population - 1 - open) },
        (_, i) => `crowd-${open + i}`,
      );
      await client.start('crowd', { keys });
      open += keys.length;
    }
    const beside = open;
    await until(async () => (await count(projections, 'open_wait')) === beside);
    const cells: string[] = [];
    for (const way of ['XADD', 'HTTP'] as const) {
      for (let i = 0; i < 10; i++) await sample(way);
      const times: number[] = [];
      for (let i = 0; i < SAMPLES; i++) times.push(await sample(way));
      medians[way]?.push(percentile(times, 50));
      cells.push(percentile(times, 50).toFixed(1).padStart(10), percentile(times, 99).toFixed(1).padStart(7));
    }
    console.log(`  ${String(population).padStart(10)} ${cells.join('')}`);
  }
  for (const [way, [first = NaN, ...rest]] of Object.entries(medians)) {
    console.log(
      `  ${way}: p50 with ${POPULATIONS.at(-1)} against 1 open wait: ${((rest.at(-1) ?? NaN) / first).toFixed(2)} times`,
    );
  }
  await bridge.stop();
}

Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { forward: {}, filter: { core: 'ERROR', other: 'ERROR' } } },
});
const directory = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
const port = await freePort('127.0.0.1');
const redisUrl = `redis://127.0.0.1:${port}`;
// Supervised: it ends with this process, however this process ends.
const redisServer = spawnSupervised('redis-server', [
  ...['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', ''],
]);
const server = await startTemporalDevServer({
  env: process.env,
  log: (line) => console.error(line),
  namespace: 'bench',
  headless: true,
});
const taskQueue = 'bench-events';
const projections = await openProjections({ url: `surrealkv://${join(directory, 'db')}` });
const client = await createSluiceClient({ address: server.address, namespace: server.namespace, taskQueue });
const connection = await NativeConnection.connect({ address: server.address });
const redis = new Redis(redisUrl, { maxRetriesPerRequest: null });
try {
  const worker = await createSluiceWorker({
    connection,
    namespace: server.namespace,
    taskQueue,
    projections,
    registry: createActionRegistry([...builtInActions({ http: { allowHosts: [] } }), mark]),
    secrets: { read: () => Promise.resolve(undefined) },
    system: { environment: 'bench', region: 'local', release: '0' },
    registerSearchAttributes: true,
    workflowBundle: await loadWorkflowBundle(),
  });
  await worker.runUntil(async () => {
    const bench = { client, projections, redis, redisUrl };
    await throughput(bench);
    await latency(bench);
  });
} finally {
  redis.disconnect();
  await connection.close();
  await client.close();
  await projections.close();
  await server.stop();
  await redisServer.stop();
  await rm(directory, { recursive: true, force: true });
}
