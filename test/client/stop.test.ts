/**
 * Cancelling and terminating a run: Temporal accepts the request, or nothing happens and the error says why.
 */
import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { createSluiceClient, type StartedRun } from '../../client/index.js';
import type { RunStatus } from '../../contracts/run/run.js';
import { startTemporalDevServer } from '../../worker/temporal-server/dev-server.js';
import { useSluice, withSluice } from '../support/sluice.js';
import { waitFor } from '../support/wait-for.js';
import { allRows } from './support/all-rows.js';
import { call, outside, sourceOf } from './support/outside.js';

const { actions, clear } = outside();
const sluice = useSluice({ actions });
beforeEach(clear);

const runs = () => sluice().client.runs;
const WAITS = [call('a'), { id: 'go', type: 'event.wait', eventName: 'GO' }];
const waiting = async (): Promise<StartedRun> => {
  const run = await sluice().startSource(sourceOf(WAITS));
  await rowSays(run, 'WAITING');
  return run;
};
const rowSays = (run: StartedRun, status: RunStatus) =>
  waitFor(async () => {
    const row = await runs().get(run.runId);
    return row.status === status && row;
  });

const cancelRequests = async ({ runId }: StartedRun) =>
  (await runs().events(runId)).items.flatMap(({ type, data }) =>
    type === 'RUN_CANCEL_REQUESTED' ? [data] : [],
  );

describe('cancel', () => {
  it('a run that another Temporal client cancels names no one, and keeps its reason as it is [actors-ride-along]', async () => {
    const odd = 'sluice:cancel {"actor": 5';
    for (const [reason, data] of [
      [undefined, {}],
      ['as it is', { reason: 'as it is' }],
      [odd, { reason: odd }],
    ] as const) {
      const run = await waiting();
      const { workflowService } = sluice().client.temporal;
      await workflowService.requestCancelWorkflowExecution({
        namespace: sluice().temporal.namespace,
        workflowExecution: { workflowId: run.workflowId },
        ...(reason !== undefined && { reason }),
      });
      await rowSays(run, 'CANCELED');
      expect(await cancelRequests(run)).toEqual([data]);
    }
  });

  it('a cancelled run ends CANCELED, and its row names the actor and the reason', async () => {
    const run = await waiting();
    expect(await runs().cancel(run.runId, { reason: 'the customer left', actor: 'olga' })).toEqual(run);
    expect(await rowSays(run, 'CANCELED')).toMatchObject({ cancelReason: 'the customer left' });
    const request = (await sluice().history(run)).find(
      (e) => e.workflowExecutionCancelRequestedEventAttributes,
    );
    expect(request?.workflowExecutionCancelRequestedEventAttributes).toMatchObject({ identity: 'olga' });
    expect(await cancelRequests(run)).toEqual([{ actor: 'olga', reason: 'the customer left' }]);
  });

  it('a cancel by workflow id may have a reason', async () => {
    const [one, two] = [await waiting(), await waiting()];
    await sluice().client.cancel(one.workflowId, 'enough');
    await sluice().client.cancel(two.workflowId);
    expect(await rowSays(one, 'CANCELED')).toMatchObject({ cancelReason: 'enough' });
    expect(await rowSays(two, 'CANCELED')).toMatchObject({ cancelReason: null });
  });

  it('two concurrent cancels are one cancellation, and the first reason stays', async () => {
    const run = await waiting();
    await Promise.all([
      runs().cancel(run.runId, { reason: 'one' }),
      runs().cancel(run.runId, { reason: 'two' }),
    ]);
    expect(['one', 'two']).toContain((await rowSays(run, 'CANCELED')).cancelReason);
    const { items } = await runs().events(run.runId);
    expect(items.filter(({ type }) => type === 'RUN_CANCEL_REQUESTED')).toHaveLength(1);
  });

  it('a cancel of a closed run tells how and when it ended', async () => {
    const run = await waiting();
    await runs().cancel(run.runId);
    const { endedAt } = await rowSays(run, 'CANCELED');
    await expect(sluice().result(run)).rejects.toMatchObject({ code: 'RUN_CANCELED' });
    await expect(runs().cancel(run.runId)).rejects.toMatchObject({
      code: 'RUN_CLOSED',
      status: 409,
      details: { runId: run.runId, status: 'CANCELED', endedAt: expect.any(String) as string },
    });
    await expect(sluice().client.cancel(run.workflowId)).rejects.toMatchObject({ code: 'RUN_CLOSED' });
    expect((await runs().get(run.runId)).endedAt).toBe(endedAt);
  });

  it('a cancel never hits another run with the same workflow id', async () => {
    const first = await waiting();
    await runs().cancel(first.runId);
    const { definition } = await rowSays(first, 'CANCELED');
    await expect(sluice().result(first)).rejects.toMatchObject({ code: 'RUN_CANCELED' });
    const second = await sluice().start(definition, {}, { workflowId: first.workflowId });
    await rowSays(second, 'WAITING');
    await expect(runs().cancel(first.runId)).rejects.toMatchObject({ code: 'RUN_CLOSED' });
    await expect(runs().terminate(first.runId)).rejects.toMatchObject({ code: 'RUN_CLOSED' });
    expect((await runs().get(second.runId)).status).toBe('WAITING');
  });

  it('a cancel of an unknown run, of another tenant’s run or of an id that is not valid changes nothing', async () => {
    const run = await waiting();
    const rows = await allRows(sluice().projections);
    for (const stop of ['cancel', 'terminate'] as const) {
      const { [stop]: ask } = {
        cancel: runs().cancel.bind(runs()),
        terminate: runs().terminate.bind(runs()),
      };
      await expect(ask(randomUUID())).rejects.toMatchObject({ code: 'RUN_NOT_FOUND', status: 404 });
      await expect(ask(run.runId, { tenant: 'another' })).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
      await expect(ask(7 as never)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
      await expect(ask(run.runId, { reason: 'x'.repeat(1_001) })).rejects.toMatchObject({
        code: 'INPUT_INVALID',
      });
    }
    expect(await allRows(sluice().projections)).toBe(rows);
  });
});

describe('terminate', () => {
  it('a terminate ends the run at once, with the reason in its history', async () => {
    const run = await waiting();
    await runs().terminate(run.runId, { reason: 'stuck' });
    const last = (await sluice().history(run)).at(-1);
    expect(last?.workflowExecutionTerminatedEventAttributes).toMatchObject({
      reason: 'stuck',
      identity: 'test',
    });
    await expect(runs().terminate(run.runId)).rejects.toMatchObject({ code: 'RUN_CLOSED' });
  });
});

describe('without reads', () => {
  it('a client without reads names the option that it needs', async () => {
    const client = await createSluiceClient({ ...sluice().temporal, taskQueue: sluice().taskQueue });
    await expect(client.runs.list()).rejects.toMatchObject({
      code: 'READS_NOT_CONFIGURED',
      help: expect.stringContaining('projections.reads') as string,
    });
    await expect(client.definitions.get('x')).rejects.toMatchObject({ code: 'READS_NOT_CONFIGURED' });
    await client.close();
  });
});

describe('A Temporal server that is stopped', () => {
  it('a cancel while the Temporal server is stopped changes no row, and the error keeps the cause', async () => {
    const server = await startTemporalDevServer({ env: process.env, log: () => undefined, headless: true });
    const temporal = { address: server.address, namespace: server.namespace };
    try {
      await withSluice({ actions, temporal }, async (own) => {
        const run = await own.startSource(sourceOf(WAITS));
        await waitFor(async () => (await own.client.runs.get(run.runId)).status === 'WAITING');
        await own.stopWorker();
        const rows = await allRows(own.projections);
        await server.stop();
        const { client } = own;
        const asked = await Promise.allSettled([
          client.runs.cancel(run.runId, { reason: 'why' }),
          client.cancel(run.workflowId),
          client.runs.terminate(run.runId),
        ]);
        const [CANCEL, TERMINATE] = ['WORKFLOW_TEMPORAL_CANCEL_FAILED', 'WORKFLOW_TEMPORAL_TERMINATE_FAILED'];
        expect(asked).toMatchObject(
          [CANCEL, CANCEL, TERMINATE].map((code) => ({
            status: 'rejected',
            reason: { code, status: 409, help: expect.stringContaining('Try again') as string },
          })),
        );
        for (const one of asked) {
          expect(one.status === 'rejected' && (one.reason as Error).cause).toBeInstanceOf(Error);
        }
        expect(await allRows(own.projections)).toBe(rows);
      });
    } finally {
      await server.stop();
    }
  });
});
