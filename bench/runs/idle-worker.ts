/**
 * A worker process of the case `idle`: starts runs that wait, reports its resident memory, starts more.
 * Arguments: kind, address, namespace, populations. Prints a JSON line for no runs and for each population.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { openProjections } from '../../projections/index.js';
import { timed } from './measure.js';
import { benchWorker, bundle, publish, silentRuntime } from './stack.js';

const AT_ONCE = 32;
/** History length of a run that waits: its first workflow task is started, scheduled and completed. */
const EVENTS_WHEN_WAITING = 4;
/** Idle time after which the garbage collector has finished, ms. */
const SETTLE_MS = 3_000;

const [, , kind = '', address = '', namespace = '', populations = ''] = process.argv;
const counts = populations.split(',').map(Number);
silentRuntime();
const directory = await mkdtemp(join(tmpdir(), 'sluice-idle-'));
const projections = await openProjections({ url: `surrealkv://${join(directory, 'db')}` });
const connection = await NativeConnection.connect({ address });
const place = { namespace, taskQueue: `idle-${kind}` };
const worker = await benchWorker(
  { connection, place, projections, workflowBundle: await bundle() },
  {
    cachedWorkflows: Math.max(...counts) + 100,
  },
);
const running = worker.run();
const clientConnection = await Connection.connect({ address });
const client = new Client({ connection: clientConnection, namespace });
await publish(projections, {
  id: 'waits',
  version: 1,
  steps: [{ id: 'w', type: 'event.wait', eventName: 'GO' }],
});

const startOne = async (i: number): Promise<void> => {
  const type = kind === 'sluice' ? 'waits' : 'waitByHand';
  const handle = await client.workflow.start(type, {
    args: [`key-${i}`],
    taskQueue: place.taskQueue,
    workflowId: `${type}-${i}`,
  });
  for (;;) {
    const { historyLength } = await handle.describe();
    if (kind === 'byHand' && historyLength >= EVENTS_WHEN_WAITING) return;
    if (kind === 'sluice') {
      const { waits } = await handle.query<{ waits: unknown[] }>('state').catch(() => ({ waits: [] }));
      if (waits.length > 0) return;
    }
    await wait(50);
  }
};

async function tell(waiting: number): Promise<void> {
  globalThis.gc?.();
  await wait(SETTLE_MS);
  process.stdout.write(`${JSON.stringify({ waiting, rss: process.memoryUsage.rss() })}\n`);
}

// The first runs of a process also pay for its start; they are not counted.
let begun = 0;
const upTo = async (count: number): Promise<void> => {
  const first = begun;
  await timed(count - first, AT_ONCE, (i) => startOne(first + i));
  begun = count;
};
await upTo(100);
await tell(0);
for (const count of counts) {
  await upTo(count + 100);
  await tell(count);
}
worker.shutdown();
await running;
await clientConnection.close();
await connection.close();
await projections.close();
await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
