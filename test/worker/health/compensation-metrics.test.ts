/** What a worker counts of compensations, as its address of metrics shows it. */
import { randomUUID } from 'node:crypto';
import { beforeAll, expect, it } from 'vitest';
import { createSluiceClient } from '../../../client/index.js';
import { freePort } from '../../../worker/temporal-server/ports.js';
import { suiteBundle, suiteTemporal } from '../../support/services.js';
import { waitFor } from '../../support/wait-for.js';
import { startMain } from '../main-process.js';

beforeAll(async () => void (await suiteBundle()));

const UNDOES = `
id: undoes
version: 1
steps:
  - id: well
    type: action.call
    action: core.echo
    input: 1
    compensate: { action: core.echo, input: 1 }
  - id: badly
    type: action.call
    action: core.echo
    input: 2
    compensate:
      action: core.fail
      input: { code: AWAY, message: away, retryable: true }
      retry: { maxAttempts: 2, backoffMs: 0 }
  - { id: stop, type: control.fail, code: ENOUGH }
`;

it('metrics count the compensations that were dispatched, succeeded, failed and became dead letters', async () => {
  const { address, namespace } = await suiteTemporal();
  const taskQueue = `metrics-${randomUUID()}`;
  const metrics = `127.0.0.1:${await freePort('127.0.0.1')}`;
  const worker = startMain({
    ...{ TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace, SLUICE_TASK_QUEUE: taskQueue },
    SLUICE_WORKER_METRICS_HTTP: metrics,
  });
  await waitFor(() => worker.lines().some(({ msg }) => msg === 'The worker polls'));
  const client = await createSluiceClient({ address, namespace, taskQueue, tenant: 'main', actor: 'test' });
  const counted = async (): Promise<Record<string, number>> => {
    const text = await (await fetch(`http://${metrics}/metrics`)).text();
    const values: Record<string, number> = {};
    for (const [, name = '', value = ''] of text.matchAll(
      /^sluice_compensation(\w+?)_total\S* ([\d.]+)$/gm,
    )) {
      values[name] = (values[name] ?? 0) + Number(value);
    }
    return values;
  };
  try {
    await client.publishDefinition(UNDOES);
    const run = await client.start('undoes', {});
    await expect(client.result(run.workflowId, run.runId)).rejects.toMatchObject({ code: 'ENOUGH' });
    await waitFor(async () => (await client.deadLetters.list()).items.length === 1);
    // Two attempts of the one that fails, and one of the other.
    await waitFor(async () => (await counted())['s_failed'] === 1);
    expect(await counted()).toEqual({
      s_dispatched: 3,
      s_succeeded: 1,
      _attempts_failed: 2,
      s_failed: 1,
    });
  } finally {
    await client.close();
  }
});
