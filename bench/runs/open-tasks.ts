/**
 * A worker process of `npm run bench -- reviews`: starts tasks, reports its resident memory once all are
 * open, and how late each of their deadlines happened. Arguments: address, namespace, number of tasks.
 * It exits with 1 where a deadline did not happen, or twice.
 *
 * Deadlines are spread over a time after the last start; each counts from its own task's request.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { z } from 'zod';
import { taskId } from '../../contracts/naming/workflow-id.js';
import { openProjections } from '../../projections/index.js';
import { timed } from './measure.js';
import { benchWorker, bundle, silentRuntime } from './stack.js';

const AT_ONCE = 32;
/** Tasks whose starts say how fast the others can start; they also warm the process. */
const FIRST = 200;
/** Deadlines of a second. */
const PER_SECOND = 60;
const SETTLE_MS = 3_000;
/** Time without any progress after which it gives up, ms. */
const STUCK_MS = 120_000;
/** How much longer than the first tasks the others may take before deadlines begin. */
const ROOM = 1.3;
const MIB = 1024 * 1024;
const TENANT = 'default';

const [, , address = '', namespace = '', number = ''] = process.argv;
const count = Number(number);
silentRuntime();
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const directory = await mkdtemp(join(tmpdir(), 'sluice-tasks-'));
const projections = await openProjections({ url: `surrealkv://${join(directory, 'db')}` });
const connection = await NativeConnection.connect({ address });
const place = { namespace, taskQueue: 'tasks' };
const worker = await benchWorker({ connection, place, projections, workflowBundle: await bundle() });
const running = worker.run();
const clientConnection = await Connection.connect({ address });
const client = new Client({ connection: clientConnection, namespace });

const start = async (item: string, dueMs: number): Promise<void> => {
  const request = { tenant: TENANT, item, title: 'Look at this', requestedBy: 'rita', dueMs };
  await client.workflow.start('sluice.task', {
    ...{ args: [request], taskQueue: place.taskQueue, workflowId: taskId(TENANT, item) },
  });
};
/** Waits until a count has been reached. @throws Error where it stands still */
const until = async (what: string, counted: () => Promise<number>, goal: number): Promise<void> => {
  let best = -1;
  for (let moved = Date.now(); ; await wait(500)) {
    const now = await counted();
    if (now >= goal) return;
    if (now > best) [best, moved] = [now, Date.now()];
    if (Date.now() - moved > STUCK_MS) throw new Error(`${what}: ${now} of ${goal}, and no more`);
  }
};
const openNow = async () => (await projections.tasks.count(TENANT)).open;
const resident = async (): Promise<number> => {
  globalThis.gc?.();
  await wait(SETTLE_MS);
  globalThis.gc?.();
  return process.memoryUsage.rss() / MIB;
};

const HOUR_MS = 3_600_000;
const began = Date.now();
await timed(FIRST, AT_ONCE, (i) => start(`first-${i}`, HOUR_MS));
await until('The first open tasks', openNow, FIRST);
const warmUpMs = Date.now() - began;
const before = await resident();
// The time that starting them takes, with room.
const loadMs = SETTLE_MS + 5_000 + ((warmUpMs * count) / FIRST) * ROOM;
const windowAt = Date.now() + loadMs;
const dues: number[] = [];
const loading = Date.now();
const loaded = await timed(count, AT_ONCE, (i) => {
  const dueMs = Math.max(1_000, Math.round(windowAt + (i * 1_000) / PER_SECOND - Date.now()));
  dues[i] = dueMs;
  return start(`task-${i}`, dueMs);
});
await until('Open tasks', openNow, FIRST + count);
const ready = (Date.now() - loading) / 1_000;
const after = await resident();
const { late } = await projections.tasks.count(TENANT);
const { numCachedWorkflows } = worker.getStatus();
say(
  `${count} open tasks on one worker (started in ${(loaded / 1_000).toFixed(0)} s, open after ${ready.toFixed(0)} s, ${late} past their deadline by then)\n` +
    `  memory of the worker with its store: ${before.toFixed(0)} MiB with ${FIRST} tasks, ${after.toFixed(0)} MiB with ${FIRST + count}: ${(((after - before) * 1024) / count).toFixed(1)} KiB a task; ${numCachedWorkflows} in its cache`,
);
await wait(Math.max(0, windowAt - Date.now()));
await until('Deadlines', async () => (await projections.tasks.count(TENANT)).late, count);

const Entries = z.array(z.object({ item: z.string(), action: z.string(), at: z.date() }));
const [answer] = await projections.database.request(
  `SELECT id[1] AS item, action, at FROM task_action:[$tenant, 'task-']..[$tenant, 'task-~']`,
  { tenant: TENANT },
);
if (answer?.ok !== true) throw new Error(answer?.reason);
const requested = new Map<string, number>();
const passed = new Map<string, number[]>();
for (const { item, action, at } of Entries.parse(answer.value)) {
  if (action === 'requested') requested.set(item, at.getTime());
  if (action === 'overdue') passed.set(item, [...(passed.get(item) ?? []), at.getTime()]);
}
const once = dues.filter((_, i) => passed.get(`task-${i}`)?.length === 1).length;
const lateness = dues
  .map((dueMs, i) => (passed.get(`task-${i}`)?.[0] ?? NaN) - (requested.get(`task-${i}`) ?? NaN) - dueMs)
  .sort((a, b) => a - b);
const at = (q: number): string => `${String(lateness[Math.min(count - 1, Math.floor(count * q))] ?? NaN)} ms`;
say(
  `  deadlines, ${PER_SECOND} a second: ${once} of ${count} happened exactly once; late by p50 ${at(0.5)}, p99 ${at(0.99)}, at most ${at(1)}, at least ${at(0)}\n` +
    `  memory afterwards: ${(await resident()).toFixed(0)} MiB`,
);

worker.shutdown();
await running;
await clientConnection.close();
await connection.close();
await projections.close();
await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
process.exitCode = once === count ? 0 : 1;
