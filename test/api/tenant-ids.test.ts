/** Two tenants, and a Temporal client past Sluice, that go for each other's workflow ids. */
import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { placesOf } from '../../contracts/naming/workflow-id.js';
import { openBridge, type TestBridge } from '../ingress/support/bridge.js';
import { waitFor } from '../support/wait-for.js';
import { useApi, type Caller } from './support/api.js';

const TRIGGERED = `
id: on-order
version: 1
triggers:
  - { type: event, eventName: ORDER_PLACED }
  - { type: schedule, everyMs: 3600000 }
steps: []
result: { $expr: meta.trigger.id }
`;
const WAITING =
  'id: waiting\nversion: 1\nsteps:\n  - { id: ask, type: event.wait, eventName: GO, correlationKey: k }\n';
const Started = z.object({ runId: z.string(), workflowId: z.string() });

const api = useApi();
let bridge: TestBridge;
beforeAll(async () => {
  for (const as of ['admin', 'other'] as const) {
    for (const source of [TRIGGERED, WAITING]) await api().ask('/v1/definitions', { as, json: { source } });
  }
  await api().client.publishDefinition(WAITING);
  bridge = await openBridge(api().sluice);
});
afterAll(() => bridge.stop());

const start = (as: Caller, body: object): Promise<Response> =>
  api().ask('/v1/runs', { as, json: { definition: 'waiting', payload: {}, ...body } });
const startedRun = async (as: Caller, body: object) => Started.parse(await (await start(as, body)).json());

const idOf = (eventId: string): string => {
  const hash = createHash('sha256').update(JSON.stringify([api().sluice.tenant, 'plain', eventId]));
  return `on-order/event-${hash.digest('hex').slice(0, 32)}`;
};
const send = async (eventId: string) => {
  const event = { eventId, eventName: 'ORDER_PLACED', tenantId: api().sluice.tenant };
  const { body } = await bridge.post({ ...event, payload: {} });
  const [trigger] = z.array(z.object({ status: z.string(), workflowId: z.string() })).parse(body['triggers']);
  return trigger;
};
/** As `temporal workflow start`. */
const startRaw = (workflowId: string, memo: Record<string, unknown>, type = 'waiting') =>
  api().sluice.client.temporal.workflow.start(type, {
    workflowId,
    memo,
    args: [{}],
    taskQueue: api().sluice.taskQueue,
  });

describe('an id that Sluice makes', () => {
  it('a tenant that asks for the id of another one’s trigger gets an id in its own part, and suppresses nothing [ids-of-tenants-never-meet]', async () => {
    const wanted = idOf('e-1');
    const taken = await startedRun('other', { workflowId: wanted });
    expect(taken.workflowId).toBe(`~other/${wanted}`);
    expect(await send('e-1')).toEqual({ status: 'STARTED', workflowId: wanted });
    expect(await api().client.result(wanted)).toBe('e-1');
  });

  it('a caller of the tenant `default` can’t have such an id either [ids-of-tenants-never-meet]', () => {
    const run = randomUUID();
    for (const made of [
      idOf('e'),
      `${idOf('e')}-3`,
      `on-order/${api().sluice.tenant}/schedule-1-2026-01-01T00:00:00Z`,
      `waiting/${run}/steps[0]/1`,
      `waiting/${run}/${'a'.repeat(32)}`,
      `waiting/rerun/${run}/x`,
      `waiting/${'a'.repeat(32)}`,
      'sluice.publish/x',
    ]) {
      expect(placesOf('default', made)).toEqual([`~default/${made}`]);
      expect(placesOf('acme', made)).toEqual([`~acme/${made}`]);
    }
    expect(placesOf('default', 'order/o-1')).toEqual(['order/o-1', '~default/order/o-1']);
    expect(placesOf('acme', 'order/o-1')).toEqual(['~acme/order/o-1', 'order/o-1']);
    expect(placesOf('acme', '~other/order/o-1')).toEqual(['~acme/~other/order/o-1']);
    expect(placesOf('acme', '~acme/order/o-1')).toEqual(['~acme/order/o-1']);
  });

  it('a Temporal client that takes the id of an event’s run is refused, and the event starts its run [ids-of-tenants-never-meet]', async () => {
    const wanted = idOf('e-2');
    const raw = await startRaw(wanted, { tenant: 'other' }, 'on-order');
    await expect(api().client.result(wanted)).rejects.toMatchObject({ code: 'WORKFLOW_ID_FOREIGN' });
    expect(await send('e-2')).toMatchObject({ status: 'STARTED', workflowId: `${wanted}-1` });
    expect(await send('e-2')).toMatchObject({ status: 'STARTED', workflowId: `${wanted}-1` });
    await waitFor(async () => {
      const row = await api().sluice.projections.reads.getRun('other', raw.firstExecutionRunId);
      return row?.error?.code === 'WORKFLOW_ID_FOREIGN';
    });
  });

  it.each([
    ['of another tenant', () => `~${api().sluice.tenant}/x-${randomUUID()}`],
    ['of another tenant’s schedule', () => `on-order/${api().sluice.tenant}/schedule-1-2030`],
    ['of a child', () => `waiting/${randomUUID()}/steps[0]/1`],
  ])('a run under an id %s is refused before its first step', async (_, id) => {
    const raw = await startRaw(id(), { tenant: 'other' });
    await expect(api().client.result(raw.workflowId)).rejects.toMatchObject({
      code: 'WORKFLOW_ID_FOREIGN',
    });
  });
});

describe('an id that a caller chooses', () => {
  it('two tenants have one id each for themselves, and neither learns of the other [ids-of-tenants-never-meet]', async () => {
    const workflowId = `order/${randomUUID().slice(0, 8)}`;
    const runs = [
      await startedRun('admin', { workflowId }),
      await startedRun('other', { workflowId }),
      await api().client.start('waiting', {}, { workflowId }),
    ];
    expect(runs.map((run) => run.workflowId)).toEqual([
      `~${api().sluice.tenant}/${workflowId}`,
      `~other/${workflowId}`,
      workflowId,
    ]);
    expect((await start('other', { workflowId })).status).toBe(409);
    expect(await startedRun('other', { workflowId, onConflict: 'use-existing' })).toEqual(runs[1]);
    await startedRun('other', { workflowId, onConflict: 'terminate-existing' });
    await expect(api().client.result(runs[1]?.workflowId ?? '', runs[1]?.runId)).rejects.toMatchObject({
      code: 'RUN_TERMINATED',
    });
    // A client of the tenant names its run by the id that it chose.
    await api().sluice.client.terminate(workflowId);
    await expect(api().client.result(runs[0]?.workflowId ?? '')).rejects.toMatchObject({
      code: 'RUN_TERMINATED',
    });
    await api().client.terminate(workflowId);
  });

  it('a run that an older Sluice started under the bare id is still the run of that id, for its tenant alone', async () => {
    const workflowId = `order/${randomUUID().slice(0, 8)}`;
    const { firstExecutionRunId: runId } = await startRaw(workflowId, { tenant: 'other' });
    expect((await start('other', { workflowId })).status).toBe(409);
    expect(await startedRun('other', { workflowId, onConflict: 'use-existing' })).toEqual({
      workflowId,
      runId,
    });
    for (const onConflict of ['fail', 'use-existing', 'terminate-existing'] as const) {
      const mine = await api().client.start('waiting', {}, { workflowId, onConflict });
      expect(mine.workflowId).toBe(`~default/${workflowId}`);
    }
    await api().client.terminate(`~default/${workflowId}`);
    const raw = api().client.temporal.workflow.getHandle(workflowId);
    expect((await raw.describe()).status.name).toBe('RUNNING');
    await raw.terminate();
    const next = await startedRun('other', { workflowId });
    expect(next.workflowId).toBe(workflowId);
    await api().client.terminate(next.workflowId);
  });
});
