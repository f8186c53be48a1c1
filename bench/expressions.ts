/**
 * Microseconds per evaluation inside a real workflow on a dev server: Sluice's engine (with its cache,
 * its budget and the copy of the result) against the `jsonata` package, compiled beforehand.
 *
 * A workflow cannot read a clock, so each measurement is a workflow task that evaluates many times. Its time
 * is that between its start and its completion in the history, less the time of empty tasks.
 */
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { startTemporalDevServer } from '../worker/temporal-server/dev-server.js';
import type { measureExpressions, Round } from './workflows/expressions.js';

const ROUNDS = 5;
const logger = new DefaultLogger('ERROR');

const root = {
  payload: {
    orderId: 'o-1',
    total: 42.5,
    customer: { name: 'Ada', address: { city: 'Paris' } },
    lines: Array.from({ length: 100 }, (_, i) => ({ sku: `s${i % 10}`, qty: i % 7, price: i / 4 })),
  },
  vars: { state: 'new', limit: 3 },
};

/** Label, source, and how often each engine evaluates it in one task. */
const CASES: readonly (readonly [string, string, number, number])[] = [
  ['path', 'payload.customer.address.city', 20_000, 150],
  ['comparison', 'payload.total > 3 and vars.state = "new"', 20_000, 150],
  ['ternary with text', 'payload.total > vars.limit ? "big " & payload.orderId : "small"', 20_000, 150],
  [
    'object constructor',
    '{"id": payload.orderId, "who": payload.customer.name, "sum": payload.total * 2}',
    20_000,
    150,
  ],
  ['filter of 100 items', 'payload.lines[qty > 3]', 500, 6],
  ['group-by of 100 items', 'payload.lines{sku: $sum(qty)}', 500, 6],
];

/** Milliseconds of each workflow task, in order, by the server's clock. */
async function taskTimes(client: Client, workflowId: string): Promise<number[]> {
  const { EventType } = proto.temporal.api.enums.v1;
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const times: number[] = [];
  let started = 0;
  for (const { eventType, eventTime } of events ?? []) {
    const ms = Number(eventTime?.seconds ?? 0) * 1_000 + Number(eventTime?.nanos ?? 0) / 1e6;
    if (eventType === EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED) started = ms;
    if (eventType === EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED) times.push(ms - started);
  }
  return times;
}

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;

async function measure(client: Client, taskQueue: string): Promise<number[][]> {
  const empty: Round = { engine: 'sluice', source: '1', times: 0 };
  const once: Round[] = CASES.flatMap(([, source, sluice, jsonata]) => [
    empty,
    { engine: 'sluice', source, times: sluice },
    { engine: 'jsonata', source, times: jsonata },
  ]);
  // One round more than is counted: the first warms up.
  const rounds = Array.from({ length: ROUNDS + 1 }, () => once).flat();
  const workflowId = `${taskQueue}-run`;
  await client.workflow.execute<typeof measureExpressions>('measureExpressions', {
    taskQueue,
    workflowId,
    args: [rounds, root],
    workflowTaskTimeout: '60 s',
  });
  // The first task only schedules the first activity.
  const times = (await taskTimes(client, workflowId)).slice(1 + once.length);
  if (times.length !== once.length * ROUNDS) {
    throw new Error(`${times.length} tasks, not ${once.length * ROUNDS}`);
  }
  return once.map((_, i) => times.filter((_ms, at) => at % once.length === i));
}

Runtime.install({ logger });
const server = await startTemporalDevServer({
  env: process.env,
  log: (line) => console.error(line),
  namespace: 'bench',
  headless: true,
});
try {
  const workflowBundle = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('workflows/expressions.ts', import.meta.url)),
    logger,
    webpackConfigHook: (config) => ({
      ...config,
      resolve: { ...config.resolve, extensionAlias: { '.js': ['.ts', '.js'] } },
    }),
  });
  const native = await NativeConnection.connect({ address: server.address });
  const connection = await Connection.connect({ address: server.address });
  const taskQueue = 'bench-expressions';
  const worker = await Worker.create({
    connection: native,
    namespace: server.namespace,
    taskQueue,
    workflowBundle,
    activities: { nextTask: () => Promise.resolve() },
  });
  const times = await worker.runUntil(
    measure(new Client({ connection, namespace: server.namespace }), taskQueue),
  );
  await connection.close();
  await native.close();

  const idle = median(CASES.flatMap((_, i) => times[i * 3] ?? []));
  console.log(
    `Inside a workflow on the dev server, Node ${process.versions.node}; medians of ${ROUNDS} tasks in one run`,
  );
  console.log(
    `${'expression'.padEnd(24)}${'sluice µs'.padStart(12)}${'jsonata µs'.padStart(12)}${'ratio'.padStart(8)}`,
  );
  CASES.forEach(([what, , ours, theirs], i) => {
    const sluice = ((median(times[i * 3 + 1] ?? []) - idle) / ours) * 1_000;
    const jsonata = ((median(times[i * 3 + 2] ?? []) - idle) / theirs) * 1_000;
    console.log(
      `${what.padEnd(24)}${sluice.toFixed(1).padStart(12)}${jsonata.toFixed(0).padStart(12)}${(jsonata / sluice).toFixed(0).padStart(7)}×`,
    );
  });
} finally {
  await server.stop();
}
