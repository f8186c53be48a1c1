import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  apiPage,
  ApiDefinition,
  ApiRun,
  ApiRunEvent,
  ApiRunSummary,
  ApiStep,
  ApiWait,
} from '../../contracts/http/api.js';
import { verifyBundle } from '../../client/index.js';
import { waitFor } from '../support/wait-for.js';
import { useApi } from './support/api.js';

const WAITING = `
id: waiting
version: 1
payloadSchema: { type: object, properties: { pin: { type: string, writeOnly: true }, order: { type: string } } }
steps:
  - id: note
    type: transform.assign
    assign: { vars.text: { $expr: "'pin is ' & payload.pin" } }
  - id: ask
    type: event.wait
    eventName: GO
    correlationKey: { $expr: payload.order }
result: { $expr: vars.text }
`;
const Started = z.object({ runId: z.string(), workflowId: z.string() });

const api = useApi();

async function started(payload: object = { order: 'o-1', pin: 'geheim-4711' }) {
  await api().ask('/v1/definitions', {
    body: WAITING,
    headers: { 'content-type': 'application/yaml' },
  });
  const run = await api().answer(Started, '/v1/runs', {
    json: { definition: 'waiting', payload },
    as: 'operator',
  });
  await waitFor(async () => {
    const response = await api().ask(`/v1/runs/${run.runId}`);
    if (response.status === 404) return false;
    return ApiRun.parse(await response.json()).status === 'WAITING';
  });
  return run;
}

describe('a run through the API', () => {
  it('a run is started, shown in all its parts, signalled and exported', async () => {
    const run = await started();
    const path = `/v1/runs/${run.runId}`;
    const list = await api().answer(apiPage(ApiRunSummary), '/v1/runs?definition=waiting&status=WAITING');
    expect(list.items.map(({ runId }) => runId)).toContain(run.runId);
    const shown = await api().answer(ApiRun, path);
    expect(shown).toMatchObject({
      actor: 'otto',
      payload: { order: 'o-1', pin: '[redacted]' },
      trigger: { type: 'api' },
    });
    const [wait] = (await api().answer(apiPage(ApiWait), `${path}/waits`)).items;
    expect(wait).toMatchObject({ stepPath: 'steps[1]', eventNames: ['GO'], correlationKey: 'o-1' });

    const signal = { eventName: 'GO', correlationKey: 'o-1', payload: { ok: true } };
    expect((await api().ask(`${path}/signal`, { json: signal, as: 'operator' })).status).toBe(202);
    await waitFor(async () => (await api().answer(ApiRun, path)).status === 'SUCCEEDED');

    const steps = await api().answer(apiPage(ApiStep), `${path}/steps`);
    expect(steps.items.map(({ stepPath, stepId, status }) => [stepPath, stepId, status])).toEqual([
      ['steps[0]', 'note', 'SUCCEEDED'],
      ['steps[1]', 'ask', 'SUCCEEDED'],
    ]);
    const events = await api().answer(apiPage(ApiRunEvent), `${path}/events?limit=500`);
    expect(events.items.map(({ seq }) => seq)).toEqual(events.items.map((_, i) => i + 1));
    for (const part of ['invocations', 'evidence', 'inbound']) {
      expect((await api().ask(`${path}/${part}`)).status).toBe(200);
    }

    const bundle: unknown = await (await api().ask(`${path}/export`, { as: 'reader' })).json();
    expect(verifyBundle(bundle)).toMatchObject({ redacted: true });
    expect(JSON.stringify(bundle)).not.toContain('geheim');
    expect((await api().refusal(`${path}/export?unredacted=true`, { as: 'operator' })).code).toBe(
      'FORBIDDEN',
    );
    const whole = await (await api().ask(`${path}/export?unredacted=true`)).text();
    expect(whole).toContain('geheim-4711');
    expect(api().log.join('')).not.toContain('geheim');
  });

  it('a run is cancelled with a reason, and re-run with the original payload', async () => {
    const run = await started();
    const path = `/v1/runs/${run.runId}`;
    const cancelled = await api().ask(`${path}/cancel`, { json: { reason: 'not wanted' } });
    expect([cancelled.status, await cancelled.json()]).toEqual([202, run]);
    await waitFor(async () => (await api().answer(ApiRun, path)).status === 'CANCELED');
    expect(await api().answer(ApiRun, path)).toMatchObject({ cancelReason: 'not wanted' });
    // The row says so a moment before Temporal has closed the workflow.
    await expect(api().client.result(run.workflowId)).rejects.toMatchObject({ code: 'RUN_CANCELED' });
    const late = await api().refusal(`${path}/cancel`, { method: 'POST' });
    expect(late).toMatchObject({ code: 'RUN_CLOSED', status: 409 });

    const again = await api().ask(`${path}/rerun`, { method: 'POST' });
    const fresh = Started.parse(await again.json());
    expect([again.status, again.headers.get('location')]).toEqual([201, `/v1/runs/${fresh.runId}`]);
    const freshPath = `/v1/runs/${fresh.runId}`;
    await waitFor(async () => (await api().ask(freshPath)).status === 200);
    expect(await api().answer(ApiRun, freshPath)).toMatchObject({ rerunOf: run });
    expect((await api().ask(`${freshPath}/terminate`, { json: { reason: 'enough' } })).status).toBe(202);
  });

  it('a run starts only if its definition is published in the tenant', async () => {
    await started();
    expect(await api().refusal('/v1/runs', { json: { definition: 'nothing' } })).toMatchObject({
      code: 'DEFINITION_NOT_FOUND',
    });
    expect(await api().refusal('/v1/runs', { json: { definition: 'waiting', version: 7 } })).toMatchObject({
      code: 'DEFINITION_VERSION_NOT_FOUND',
    });
    expect(await api().refusal('/v1/runs', { json: { definition: 'sluice.publish' } })).toMatchObject({
      code: 'NAME_RESERVED',
    });
  });
});

describe('a workflow id that is in use', () => {
  const start = (workflowId: string, more: object = {}, as: 'admin' | 'other' = 'admin') =>
    api().ask('/v1/runs', {
      json: { definition: 'waiting', workflowId, payload: { order: workflowId }, ...more },
      as,
    });

  it('a start under the workflow id of an open run is refused, returns that run or ends it first, by `onConflict`', async () => {
    await started();
    const id = `taken-${Date.now()}`;
    const first = Started.parse(await (await start(id)).json());
    expect(await (await start(id)).json()).toMatchObject({ code: 'WORKFLOW_ALREADY_STARTED', status: 409 });
    expect(await (await start(id, { onConflict: 'use-existing' })).json()).toEqual(first);
    const other = Started.parse(await (await start(id, { onConflict: 'terminate-existing' })).json());
    expect(other.workflowId).toBe(first.workflowId);
    await expect(api().client.result(other.workflowId, first.runId)).rejects.toMatchObject({
      code: 'RUN_TERMINATED',
    });
    await api().client.terminate(other.workflowId);
  });

  it('a start under the workflow id of another tenant neither returns nor ends that run, nor tells of it', async () => {
    await started();
    await api().client.publishDefinition(WAITING, { tenant: 'other' });
    const id = `theirs-${Date.now()}`;
    const theirs = Started.parse(await (await start(id, {}, 'other')).json());
    const ours = Started.parse(await (await start(id, { onConflict: 'terminate-existing' })).json());
    expect(Started.parse(await (await start(id, { onConflict: 'use-existing' })).json())).toEqual(ours);
    const their = api().client.temporal.workflow.getHandle(theirs.workflowId);
    expect((await their.describe()).status.name).toBe('RUNNING');
    for (const run of [theirs, ours]) await api().client.terminate(run.workflowId);
  });

  it('a signal to a run never reaches a later run with the same workflow id', async () => {
    await started();
    const id = `again-${Date.now()}`;
    const first = Started.parse(await (await start(id)).json());
    await waitFor(async () => (await api().ask(`/v1/runs/${first.runId}`)).status === 200);
    await api().client.terminate(first.workflowId);
    const later = Started.parse(await (await start(id)).json());
    expect(later.workflowId).toBe(first.workflowId);
    const refusal = await api().refusal(`/v1/runs/${first.runId}/signal`, { json: { eventName: 'GO' } });
    expect(refusal).toMatchObject({ code: 'RUN_CLOSED', status: 409 });
    const history = await api().sluice.history(later);
    expect(history.filter((event) => event.workflowExecutionSignaledEventAttributes)).toEqual([]);
    await api().client.terminate(first.workflowId);
  });
});

describe('a definition through the API', () => {
  it('the ETag of a definition changes with its content', async () => {
    await started();
    const first = await api().ask('/v1/definitions/waiting');
    const etag = first.headers.get('etag') ?? '';
    expect(ApiDefinition.parse(await first.json())).toMatchObject({
      version: 1,
      source: WAITING,
      published: true,
    });
    const known = { headers: { 'if-none-match': etag } };
    expect((await api().ask('/v1/definitions/waiting', known)).status).toBe(304);
    await api().ask('/v1/definitions', { json: { source: WAITING.replace('version: 1', 'version: 2') } });
    const second = await api().ask('/v1/definitions/waiting', known);
    expect([second.status, ApiDefinition.parse(await second.json()).version]).toEqual([200, 2]);
    expect(await api().answer(ApiDefinition, '/v1/definitions/waiting/versions/1')).toMatchObject({
      version: 1,
      latest: 2,
    });
  });

  it('a definition that is not valid is refused with every problem, its line and a hint', async () => {
    const source = 'id: Bad Name\nversion: 0\nsteps:\n  - { id: a, type: nothing }\n';
    const refusal = await api().refusal('/v1/definitions', { json: { source } });
    expect(refusal).toMatchObject({ code: 'DEFINITION_INVALID', status: 400 });
    expect(refusal.errors?.map(({ line }) => line)).toEqual([1, 2, 4]);
    const found = await api().answer(
      z.object({ valid: z.boolean(), problems: z.array(z.object({ line: z.number() })) }),
      '/v1/validations',
      { json: { source } },
    );
    expect(found).toMatchObject({ valid: false, problems: [{ line: 1 }, { line: 2 }, { line: 4 }] });
  });
});
