/** Who did it: the audit rows of acts through the API, and of reads of marked values. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ApiAct, apiPage } from '../../contracts/http/api.js';
import { waitFor } from '../support/wait-for.js';
import { useApi, type AskOptions } from './support/api.js';

const WAITING =
  'id: waiting\nversion: 1\nsteps:\n  - { id: ask, type: event.wait, eventName: GO, correlationKey: k }\n';
const Started = z.object({ runId: z.string(), workflowId: z.string() });

let failing: string | undefined;
const api = useApi({ database: { faults: (point) => point === failing } });

async function started() {
  await api().ask('/v1/definitions', { as: 'publisher', json: { source: WAITING } });
  const run = await api().answer(Started, '/v1/runs', {
    as: 'operator',
    json: { definition: 'waiting', payload: {} },
  });
  const { tenant, projections } = api().sluice;
  await waitFor(async () => (await projections.reads.getRun(tenant, run.runId))?.status === 'WAITING');
  return run;
}
const acts = async (path: string, as: AskOptions['as'] = 'reader') =>
  (await api().answer(apiPage(ApiAct), path, { as })).items;
const brief = ({ subject, act, outcome, code }: z.output<typeof ApiAct>) => [subject, act, outcome, code];

describe('an act through the API', () => {
  it('every act on a run has a row with who, what, on what, from where and how it ended [every-act-has-a-name]', async () => {
    const { runId } = await started();
    const path = `/v1/runs/${runId}`;
    const signal = { eventName: 'OTHER', eventId: 'e-9' };
    await api().ask(`${path}/signal`, { as: 'operator', json: signal });
    const stopped = await api().ask(`${path}/terminate`, { as: 'admin', json: { reason: 'no use' } });
    await api().ask(`${path}/cancel`, { as: 'operator', json: {} });
    const rows = await acts(`${path}/audit`);
    expect(rows.map(brief)).toEqual([
      ['otto', 'cancelRun', 'refused', 'RUN_CLOSED'],
      ['ada', 'terminateRun', 'done', null],
      ['otto', 'signalRun', 'done', null],
      ['otto', 'startRun', 'done', null],
    ]);
    expect(rows[1]).toMatchObject({
      kind: 'key',
      issuer: null,
      on: [`run:${runId}`],
      requestId: stopped.headers.get('x-request-id'),
    });
    expect(rows[2]?.on).toEqual([`run:${runId}`, 'event:api/e-9']);
    expect(await acts('/v1/audit?on=event:api/e-9')).toEqual([rows[2]]);
    const bundle = z.object({ audit: z.array(ApiAct) });
    expect((await api().answer(bundle, `${path}/export`)).audit).toEqual(rows);
    const [published] = await acts('/v1/audit?on=definition:waiting&limit=500');
    expect(published?.subject).toBe('otto');
    expect(await acts('/v1/audit', 'other')).toEqual([]);
    const pages = await api().answer(apiPage(ApiAct), `${path}/audit?limit=3`);
    expect(await acts(`${path}/audit?after=${pages.next ?? ''}`)).toEqual([rows[3]]);
  });

  it('the log of a run and its export name who signalled and cancelled it [actors-ride-along]', async () => {
    const { runId, workflowId } = await started();
    const path = `/v1/runs/${runId}`;
    const signal = { eventName: 'OTHER', eventId: 'e-1' };
    await api().ask(`${path}/signal`, { as: 'operator', json: signal });
    const { client } = api().sluice;
    await client.signalEvent(workflowId, { eventName: 'OTHER', eventId: 'e-2' });
    await client.temporal.workflow.getHandle(workflowId).signal('event', { ...signal, eventId: 'e-3' });
    await api().ask(`${path}/cancel`, { as: 'admin', json: { reason: 'no use' } });
    const { tenant, projections } = api().sluice;
    await waitFor(async () => (await projections.reads.getRun(tenant, runId))?.status === 'CANCELED');
    const bundle = z.object({ events: z.array(z.object({ type: z.string(), data: z.json() })) });
    const { events } = await api().answer(bundle, `${path}/export`);
    expect(
      events.flatMap(({ type, data }) =>
        ['EVENT_RECEIVED', 'RUN_CANCEL_REQUESTED'].includes(type) ? [data] : [],
      ),
    ).toEqual([
      expect.objectContaining({ eventId: 'e-1', actor: 'otto' }),
      expect.objectContaining({ eventId: 'e-2', actor: 'test' }),
      { eventId: 'e-3', source: 'temporal-client', eventName: 'OTHER', correlationKey: null },
      { reason: 'no use', actor: 'ada' },
    ]);
  });

  it('a caller of the API signals under no other name [actors-ride-along]', async () => {
    const { runId } = await started();
    const json = { eventName: 'OTHER', actor: 'ada' };
    const answer = await api().ask(`/v1/runs/${runId}/signal`, { as: 'operator', json });
    expect(answer.status).toBe(400);
  });

  it('a bulk act has one row, on each run that it was on', async () => {
    const runs = [await started(), await started()];
    const body = { action: 'terminate', filter: { definition: 'waiting', status: 'WAITING' } };
    await (await api().ask('/v1/runs/bulk', { json: body })).text();
    for (const { runId } of runs) {
      const row = await waitFor(async () => {
        const [last] = await acts(`/v1/runs/${runId}/audit`);
        return last?.act === 'bulkRuns' ? last : undefined;
      });
      expect(brief(row)).toEqual(['ada', 'bulkRuns', 'done', null]);
    }
  });

  it('a read of marked values has a row, and another read has none', async () => {
    const { runId } = await started();
    for (const query of ['', '?unredacted=true']) await api().ask(`/v1/runs/${runId}/export${query}`);
    const rows = await acts(`/v1/runs/${runId}/audit`);
    expect(rows.map(({ act }) => act)).toEqual(['exportRun', 'startRun']);
  });

  it('an act that the audit can’t take is not done, and one whose end it missed is unknown [every-act-has-a-name]', async () => {
    const { runId } = await started();
    const cancel = () => api().ask(`/v1/runs/${runId}/cancel`, { as: 'operator', json: {} });
    failing = 'before:audit.begin';
    const refused = await cancel().finally(() => (failing = undefined));
    expect(refused.status).toBe(500);
    const { tenant, projections } = api().sluice;
    expect((await projections.reads.getRun(tenant, runId))?.status).toBe('WAITING');
    failing = 'before:audit.settle';
    expect((await cancel().finally(() => (failing = undefined))).status).toBe(202);
    const rows = await acts(`/v1/runs/${runId}/audit`);
    expect(rows.map(brief)).toEqual([
      ['otto', 'cancelRun', 'unknown', null],
      ['otto', 'startRun', 'done', null],
    ]);
  });
});
