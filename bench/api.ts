/**
 * npm run bench -- api: the cost of the HTTP API.
 *
 * 1. Time from a start to the first step of the run: through the API, with and without an idempotency key,
 *    against a bare start by Temporal's client of the same definition on the same worker, one of each after
 *    the other.
 * 2. Time of a page of runs, and of one run, over the API at 10,000 runs, against the read model alone.
 *
 * Temporal's dev server, an embedded database on disk, a worker, the API and its client share this machine
 * and process, so the API's share is an upper bound: its work and its client's compete with the worker's.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker';
import { pino } from 'pino';
import { z } from 'zod';
import { builtInActions, createActionRegistry, defineAction } from '../actions/index.js';
import { makeKey, startApi } from '../api/index.js';
import { createSluiceClient, ShownEvents } from '../client/index.js';
import { openProjections } from '../projections/index.js';
import { createSluiceWorker } from '../worker/processes/create-worker.js';
import { startTemporalDevServer } from '../worker/temporal-server/dev-server.js';
import { loadWorkflowBundle } from '../worker/temporal/workflow-bundle.js';
import { loadRuns } from './support/load-runs.js';

const WARM_UP = 15;
const SAMPLES = 100;
const RUNS = 10_000;
const READS = 300;
const PAGE = 50;
const TENANT = 'bench';

const PROBE = `
id: probe
version: 1
payloadSchema: { type: object, properties: { key: { type: string } } }
steps:
  - { id: first, type: action.call, action: bench.mark, input: { key: { $expr: payload.key } } }
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

const quantile = (values: readonly number[], q: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? NaN;
const ms = (value: number): string => value.toFixed(1).padStart(7);

Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { forward: {}, filter: { core: 'ERROR', other: 'ERROR' } } },
});
const directory = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
const server = await startTemporalDevServer({
  env: process.env,
  log: (line) => console.error(line),
  namespace: 'bench',
  headless: true,
});
const taskQueue = 'bench-api';
const projections = await openProjections({ url: `surrealkv://${join(directory, 'db')}` });
const client = await createSluiceClient({
  address: server.address,
  namespace: server.namespace,
  taskQueue,
  tenant: TENANT,
  reads: projections.reads,
});
const connection = await NativeConnection.connect({ address: server.address });
const { key, entry } = makeKey({ name: 'bench', roles: ['admin'], tenants: [TENANT] });
const api = await startApi({
  config: {
    host: '127.0.0.1',
    port: 0,
    auth: { kind: 'tokens', keys: [entry], jwt: undefined },
    rate: { perSecond: 100_000, burst: 100_000 },
    idempotencyMs: 3_600_000,
    sdkMetricsUrl: undefined,
  },
  client,
  projections,
  log: pino({ level: 'error' }),
});

async function ask(
  path: string,
  init: { method?: string; headers?: Record<string, string>; body?: string } = {},
) {
  const response = await fetch(`${api.url}${path}`, {
    ...init,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...init.headers },
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
  return text;
}

/** Time from the call to the first step of the run that it starts, ms. */
async function toFirstStep(name: string, start: (id: string) => Promise<unknown>): Promise<number> {
  let stepped: (at: number) => void;
  const first = new Promise<number>((resolve) => (stepped = resolve));
  marks.set(name, (at) => stepped(at));
  const began = performance.now();
  await start(name);
  const took = (await first) - began;
  marks.delete(name);
  return took;
}

async function starts(): Promise<void> {
  const body = (id: string): string => JSON.stringify({ definition: 'probe', payload: { key: id } });
  const ways: Readonly<Record<string, (id: string) => Promise<unknown>>> = {
    'bare start of Temporal': (id) =>
      client.temporal.workflow.start('probe', {
        args: [{ key: id }],
        workflowId: id,
        taskQueue,
        memo: { tenant: TENANT },
      }),
    'through the API': (id) => ask('/v1/runs', { method: 'POST', body: body(id) }),
    'with an idempotency key': (id) =>
      ask('/v1/runs', { method: 'POST', body: body(id), headers: { 'idempotency-key': id } }),
  };
  const times = new Map<string, number[]>(Object.keys(ways).map((way) => [way, []]));
  for (let i = -WARM_UP; i < SAMPLES; i++) {
    for (const [n, [way, start]] of Object.entries(ways).entries()) {
      const took = await toFirstStep(`s-${n}-${i}`, start);
      if (i >= 0) times.get(way)?.push(took);
    }
  }
  console.log(`\nFrom a start to the run's first step, ${SAMPLES} of each in turn`);
  const [bare = []] = times.values();
  for (const [way, took] of times) {
    const half = quantile(took, 0.5);
    console.log(
      `  ${way.padEnd(24)} p50 ${ms(half)} ms   p99 ${ms(quantile(took, 0.99))} ms   ratio ${(half / quantile(bare, 0.5)).toFixed(2)}   +${(half - quantile(bare, 0.5)).toFixed(1)} ms`,
    );
  }
}

async function timed(what: string, read: (i: number) => Promise<unknown>): Promise<void> {
  const took: number[] = [];
  for (let i = -WARM_UP; i < READS; i++) {
    const began = performance.now();
    await read(i);
    if (i >= 0) took.push(performance.now() - began);
  }
  console.log(`  ${what.padEnd(34)} p50 ${ms(quantile(took, 0.5))} ms   p99 ${ms(quantile(took, 0.99))} ms`);
}

async function reads(): Promise<void> {
  for (let n = 0; n < 10; n++) {
    await client.publishDefinition(`id: definition-${n}\nversion: 3\nsteps: []\n`);
  }
  await loadRuns(projections, 0, RUNS);
  const filter = { definition: 'definition-2', status: 'SUCCEEDED' } as const;
  const { items } = await projections.reads.listRuns(TENANT, filter, { limit: PAGE });
  const [run] = items;
  if (run === undefined) throw new Error('There are no runs');
  console.log(`\nReading at ${RUNS} runs, pages of ${PAGE}`);
  await timed('page of all runs, API', () => ask(`/v1/runs?limit=${PAGE}`));
  await timed('page of all runs, read model', () => projections.reads.listRuns(TENANT, {}, { limit: PAGE }));
  const query = new URLSearchParams({ ...filter, limit: String(PAGE) }).toString();
  await timed('filtered page, API', () => ask(`/v1/runs?${query}`));
  await timed('filtered page, read model', () => projections.reads.listRuns(TENANT, filter, { limit: PAGE }));
  await timed('one run, API', () => ask(`/v1/runs/${run.runId}`));
  await timed('one run, read model', () => projections.reads.getRun(TENANT, run.runId));
}

try {
  const worker = await createSluiceWorker({
    connection,
    namespace: server.namespace,
    taskQueue,
    projections,
    registry: createActionRegistry([...builtInActions({ http: { allowHosts: [] } }), mark]),
    deadLetters: projections.deadLetters,
    shownLetters: new ShownEvents(projections.events, projections.reads),
    secrets: { read: () => Promise.resolve(undefined) },
    system: { environment: 'bench', region: 'local', release: '0' },
    registerSearchAttributes: true,
    workflowBundle: await loadWorkflowBundle(),
  });
  await worker.runUntil(async () => {
    await client.publishDefinition(PROBE);
    await starts();
    await reads();
  });
} finally {
  await api.stop();
  await connection.close();
  await client.close();
  await projections.close();
  await server.stop();
  await rm(directory, { recursive: true, force: true });
}
