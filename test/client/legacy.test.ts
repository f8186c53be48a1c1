/**
 * Operations of the older engine are refused, and nothing happens: neither in rows nor in histories nor in
 * calls.
 */
import { Connection } from '@temporalio/client';
import { expect, it } from 'vitest';
import { createSluiceClient, LEGACY_ACTIONS } from '../../client/index.js';
import { useSluice } from '../support/sluice.js';
import { waitFor } from '../support/wait-for.js';
import { allRows } from './support/all-rows.js';
import { sourceOf } from './support/outside.js';

const sluice = useSluice();

it('a legacy action on an open run changes no row, no history and no signal', async () => {
  const run = await sluice().startSource(sourceOf([{ id: 'go', type: 'event.wait', eventName: 'GO' }]));
  await waitFor(async () => (await sluice().client.runs.get(run.runId)).status === 'WAITING');
  const before = await waitFor(async () => {
    // The task that opened the wait is complete, so the history does not grow any more.
    const history = await sluice().history(run);
    return history.at(-1)?.workflowTaskCompletedEventAttributes && history;
  });
  const calls: string[] = [];
  const connection = await Connection.connect({
    address: sluice().temporal.address,
    interceptors: [
      (options, next) => {
        calls.push(options.method_definition.path);
        return next(options) as never;
      },
    ],
  });
  const client = await createSluiceClient({
    connection,
    namespace: sluice().temporal.namespace,
    taskQueue: sluice().taskQueue,
    tenant: sluice().tenant,
    reads: sluice().projections.reads,
  });
  await client.check();
  expect(calls.length, 'calls are seen').toBeGreaterThan(0);
  calls.length = 0;
  const rows = await allRows(sluice().projections);

  const { runs } = client;
  const asked = [
    ...LEGACY_ACTIONS.map((action) => [action, () => runs.legacy(action, run.runId)] as const),
    ['resume', () => runs.resume(run.runId)] as const,
    ['retry', () => runs.retry(run.runId)] as const,
    ['requeue_event_wait', () => runs.requeueEventWait(run.runId)] as const,
    ['execute', () => runs.legacy('execute', 'a run that is not there')] as const,
  ];
  for (const [action, ask] of asked) {
    await expect(ask()).rejects.toMatchObject({
      code: 'WORKFLOW_TEMPORAL_ACTION_UNSUPPORTED',
      status: 409,
      details: {
        code: 'WORKFLOW_TEMPORAL_ACTION_UNSUPPORTED',
        action,
        engine: 'temporal',
        runId: expect.any(String) as string,
        instead: expect.stringContaining('sluice') as string,
      },
    });
  }
  await expect(runs.legacy('toString' as never, run.runId)).rejects.toMatchObject({ code: 'INPUT_INVALID' });

  expect(calls, 'Temporal was not called').toEqual([]);
  expect(await allRows(sluice().projections)).toBe(rows);
  expect(await sluice().history(run)).toEqual(before);
  await connection.close();
});
