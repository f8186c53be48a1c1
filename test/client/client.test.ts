import { randomUUID } from 'node:crypto';
import { Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SluiceError } from '../../contracts/errors.js';
import { createSluiceClient, type SluiceClient } from '../../client/index.js';
import { freePort } from '../../worker/temporal-server/ports.js';
import { suiteTemporal } from '../support/services.js';

let client: SluiceClient;
let server: { readonly address: string; readonly namespace: string };
const taskQueue = `unpolled-${randomUUID()}`;

beforeAll(async () => {
  server = await suiteTemporal();
  client = await createSluiceClient({ ...server, taskQueue, tenant: 'acme', actor: 'ada' });
});
afterAll(() => client.close());

const describeRun = (workflowId: string) => client.temporal.workflow.getHandle(workflowId).describe();

describe('starting a run', () => {
  it('a start is a plain Temporal start: type, payload as the first argument, options in the memo', async () => {
    const run = await client.start('order', { orderId: 'o-1' }, { version: 3, correlationKeys: ['o-1'] });
    expect(run.workflowId).toMatch(/^order\/[0-9a-f-]{14}7/);
    const described = await describeRun(run.workflowId);
    expect(described).toMatchObject({ type: 'order', taskQueue, runId: run.runId });
    expect(described.memo).toEqual({ tenant: 'acme', actor: 'ada', version: 3, correlationKeys: ['o-1'] });
    const { events } = await client.temporal.workflow.getHandle(run.workflowId).fetchHistory();
    const input = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data;
    expect(JSON.parse(Buffer.from(input ?? []).toString())).toEqual({ orderId: 'o-1' });
  });

  it('a start may name its tenant and actor', async () => {
    const { workflowId } = await client.start('order', null, { tenant: 'other', actor: 'bob' });
    expect((await describeRun(workflowId)).memo).toMatchObject({ tenant: 'other', actor: 'bob' });
  });

  it('a start under the workflow id of an open run is refused, unless it uses or replaces that run', async () => {
    const workflowId = `order/${randomUUID()}`;
    const first = await client.start('order', 1, { workflowId });
    await expect(client.start('order', 2, { workflowId })).rejects.toMatchObject({
      code: 'WORKFLOW_ALREADY_STARTED',
    });
    await expect(client.start('order', 3, { workflowId, onConflict: 'use-existing' })).resolves.toEqual(
      first,
    );
    const replaced = await client.start('order', 4, { workflowId, onConflict: 'terminate-existing' });
    expect(replaced.runId).not.toBe(first.runId);
  });

  it('a start under the workflow id of a closed run succeeds, unless `reuse` forbids it', async () => {
    const workflowId = `order/${randomUUID()}`;
    await client.start('order', 1, { workflowId });
    await client.terminate(workflowId);
    await expect(client.start('order', 2, { workflowId, reuse: 'never' })).rejects.toMatchObject({
      code: 'WORKFLOW_ALREADY_STARTED',
    });
    await expect(client.start('order', 2, { workflowId, reuse: 'after-failure' })).resolves.toMatchObject({
      workflowId: `~acme/${workflowId}`,
    });
  });

  it('a start refuses reserved names, options that are not valid and a payload over the limit', async () => {
    await expect(client.start('sluice.publish', {})).rejects.toMatchObject({ code: 'NAME_RESERVED' });
    await expect(client.start('order', {}, { tenant: 'no spaces' })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringContaining('tenant') as string,
    });
    await expect(client.start('order', {}, { version: 0 })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    await expect(client.start('order', 'x'.repeat(1024 * 1024))).rejects.toMatchObject({
      code: 'PAYLOAD_INVALID',
      details: { limit: 1024 * 1024 },
    });
  });
});

describe('an unknown run', () => {
  it.each([
    ['cancel', () => client.cancel('order/none')],
    ['terminate', () => client.terminate('order/none')],
    ['signalEvent', () => client.signalEvent('order/none', { eventName: 'PAID' })],
    ['state', () => client.state('order/none')],
    ['progress', () => client.progress('order/none')],
    ['result', () => client.result('order/none')],
    ['follow', () => client.follow('order/none').next()],
  ])('is WORKFLOW_NOT_FOUND for %s', async (_name, call) => {
    await expect(call()).rejects.toMatchObject({
      code: 'WORKFLOW_NOT_FOUND',
      message: expect.stringContaining('order/none') as string,
    });
  });
});

describe('a run ended from outside', () => {
  it('the end of a run that was cancelled or terminated from outside has a code', async () => {
    const { workflowId, runId } = await client.start('order', {});
    const result = client.result(workflowId, runId).catch((thrown: unknown) => thrown);
    await client.terminate(workflowId, 'no longer wanted');
    expect(await result).toMatchObject({
      code: 'RUN_TERMINATED',
      message: expect.stringContaining('no longer wanted') as string,
    });
  });
});

describe('a server or worker that is away', () => {
  it('a client whose address no server listens on throws TEMPORAL_UNAVAILABLE', async () => {
    const address = `127.0.0.1:${await freePort('127.0.0.1')}`;
    await expect(
      createSluiceClient({
        address,
        namespace: 'default',
        taskQueue,
        connectionOptions: { connectTimeout: 300 },
      }),
    ).rejects.toMatchObject({
      code: 'TEMPORAL_UNAVAILABLE',
      message: expect.stringContaining(address) as string,
    });
  });

  it('an unknown namespace is TEMPORAL_NAMESPACE_NOT_FOUND', async () => {
    const connection = await Connection.connect({ address: server.address });
    const lost = await createSluiceClient({ connection, namespace: 'nowhere', taskQueue });
    await expect(lost.start('order', {})).rejects.toMatchObject({
      code: 'TEMPORAL_NAMESPACE_NOT_FOUND',
      message: expect.stringContaining('nowhere') as string,
    });
    await lost.close();
    // The caller's connection stays open.
    await expect(connection.workflowService.getSystemInfo({})).resolves.toBeDefined();
    await connection.close();
  });

  it('a query that no worker answers is WORKER_NOT_FOUND', async () => {
    const { workflowId } = await client.start('order', {});
    const error = (await client.state(workflowId).catch((thrown: unknown) => thrown)) as SluiceError;
    expect(`${error.code}: ${error.message}`).toMatch(new RegExp(`^WORKER_NOT_FOUND: .*${taskQueue}`));
  });
});
