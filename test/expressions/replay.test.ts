import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { temporal } from '@temporalio/proto';
import { Worker } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../contracts/json.js';
import { bundle, withWorker } from './support/sandbox.js';
import type { deterministicRun } from './support/workflows.js';

const { History } = temporal.api.history.v1;
const directory = new URL('histories/', import.meta.url);
const file = new URL('deterministic-run.json', directory);
const order: JsonObject = {
  lines: [
    { sku: 'tea', qty: 2, price: 3.5 },
    { sku: 'mug', qty: 1, price: 12 },
    { sku: 'tea', qty: 4, price: 3.25 },
    { sku: 'pot', qty: 1, price: 12 },
  ],
};

/** Runs the workflow on the server and returns its history. */
async function record(): Promise<Record<string, unknown>> {
  return withWorker(async (client, taskQueue) => {
    const handle = await client.workflow.start<typeof deterministicRun>('deterministicRun', {
      taskQueue,
      workflowId: taskQueue,
      args: [order],
    });
    await handle.result();
    // Not historyToJSON: it uses another copy of protobufjs than the messages.
    return History.toObject(History.fromObject(await handle.fetchHistory()), {
      enums: String,
      bytes: String,
      longs: String,
    });
  });
}

const committed = () => JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;

describe('a workflow whose expressions read the time, sort, group and construct', () => {
  beforeAll(async () => {
    // Committed once. After an intended change, delete the file to record it again.
    if (existsSync(file)) return;
    mkdirSync(directory, { recursive: true });
    writeFileSync(file, `${JSON.stringify(await record(), null, 2)}\n`);
  });

  const replay = async (module: 'workflows.ts' | 'workflows-warm.ts', history: Record<string, unknown>) =>
    Worker.runReplayHistory(
      { workflowBundle: await bundle(module), replayName: module },
      History.fromObject(history),
    );

  it(
    'the committed history replays with a cold cache [replays-are-equal]',
    { timeout: 600_000 },
    async () => {
      await replay('workflows.ts', committed());
    },
  );

  it(
    'the committed history replays with a warm cache [replays-are-equal]',
    { timeout: 600_000 },
    async () => {
      await replay('workflows-warm.ts', committed());
    },
  );

  it('a run of the current code replays', { timeout: 600_000 }, async () => {
    await replay('workflows.ts', await record());
  });

  it('a replay with another order of results fails', { timeout: 600_000 }, async () => {
    const { code } = await bundle('workflows.ts');
    const changed = code.replace('price, sku)', 'sku, price)');
    expect(changed).not.toBe(code);
    await expect(
      Worker.runReplayHistory({ workflowBundle: { code: changed } }, History.fromObject(committed())),
    ).rejects.toThrow();
  });
});
