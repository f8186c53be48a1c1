/** Health, metrics, the document and its page, bulk work, dead letters, events, and reads over the API. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { pino } from 'pino';
import { apiReads, createSluiceClient, httpBus, type SluiceClient } from '../../client/index.js';
import { apiPage, ApiInboundSummary } from '../../contracts/http/api.js';
import { ERRORS } from '../../contracts/errors.js';
import { defineAction, SluiceError } from '../../actions/index.js';
import { startBridge, type RunningBridge } from '../../ingress/index.js';
import { waitFor } from '../support/wait-for.js';
import { useApi } from './support/api.js';
import { routesOf } from './support/document.js';

let works = false;
const make = defineAction({
  id: 'test.make',
  version: 1,
  description: 'Makes a thing.',
  input: z.unknown(),
  output: z.object({ id: z.string() }),
  run: () => ({ id: 'thing' }),
});
const unmake = defineAction({
  id: 'test.unmake',
  version: 1,
  description: 'Unmakes it, when its service works.',
  input: z.unknown(),
  output: z.null(),
  run() {
    if (!works) throw new SluiceError('SERVICE_DOWN', 'the service does not answer to geheim-4711');
    return null;
  },
});

let bridge: RunningBridge | undefined;
const api = useApi({
  actions: [make, unmake],
  bus: { publish: (envelope) => httpBus(bridge?.url ?? '').publish(envelope) },
});

const WAITING =
  'id: waiting\nversion: 1\nsteps:\n  - { id: ask, type: event.wait, eventName: GO, correlationKey: { $expr: payload.k } }\n';
const FAILING = `
id: failing
version: 1
payloadSchema: { type: object, properties: { pin: { type: string, writeOnly: true } } }
steps:
  - { id: make, type: action.call, action: test.make, input: 1, compensate: { action: test.unmake, input: { $expr: payload.pin } } }
  - { id: no, type: control.fail }
`;
const Ref = z.object({ runId: z.string(), workflowId: z.string() });
const Line = z.object({ runId: z.string(), outcome: z.string(), started: Ref.optional() });

beforeAll(async () => {
  const { projections } = api().sluice;
  bridge = await startBridge({
    config: {
      http: { host: '127.0.0.1', port: 0 },
      token: undefined,
      redisUrl: undefined,
      stream: 's',
      group: 'g',
      inFlight: 8,
      claimMs: 30_000,
      tries: 3,
      paths: {},
    },
    projections,
    client: api().client,
    log: pino({ level: 'silent' }),
  });
  for (const source of [WAITING, FAILING]) await api().ask('/v1/definitions', { json: { source } });
});
afterAll(async () => {
  await bridge?.stop();
});

async function startWaiting(k: string) {
  const run = await api().answer(Ref, '/v1/runs', { json: { definition: 'waiting', payload: { k } } });
  const { projections, tenant } = api().sluice;
  await waitFor(async () => (await projections.reads.getRun(tenant, run.runId))?.status === 'WAITING');
  return run;
}

async function lines(response: Response): Promise<readonly unknown[]> {
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/x-ndjson']);
  return (await response.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}

describe('the document', () => {
  it('the document is OpenAPI 3.1 and has each error code under the right status', async () => {
    const routes = await routesOf(api());
    expect(routes.length).toBeGreaterThan(35);
    const codes = new Set<string>(Object.keys(ERRORS));
    for (const { id, operation } of routes) {
      const errors = Object.entries(operation.responses).filter(([status]) => Number(status) >= 400);
      expect([id, errors.length > 0]).toEqual([id, true]);
      for (const [status, { description, content }] of errors) {
        expect(Object.keys(content ?? {})).toEqual(['application/problem+json']);
        for (const [, code = ''] of description.matchAll(/`(\w+)`/g)) {
          expect([id, code, codes.has(code) && ERRORS[code as keyof typeof ERRORS].status]).toEqual([
            id,
            code,
            Number(status),
          ]);
        }
      }
    }
    expect(new Set(routes.map(({ id }) => id)).size).toBe(routes.length);
  });

  it('the page of the document loads nothing from another host', async () => {
    const page = await api().ask('/docs', { as: undefined });
    const html = await page.text();
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
    const parts = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path);
    expect(parts).toEqual(['/docs/style.css', '/docs/page.mjs', '/openapi.json']);
    for (const part of parts) {
      const response = await api().ask(part, { as: undefined });
      expect([part, response.status]).toEqual([part, 200]);
      // Browsers refuse a script and a style sheet under another type.
      expect(response.headers.get('x-content-type-options')).toBe('nosniff');
      expect(await response.text()).not.toMatch(/(?:src|href|from|import)\W+(?:https?:)?\/\//);
    }
    expect((await api().refusal('/docs/..%2f..%2fpackage.json', { as: undefined })).code).toBe(
      'ROUTE_NOT_FOUND',
    );
  });
});

describe('health and metrics', () => {
  it('the health routes answer 200 while Temporal and the database answer', async () => {
    for (const path of ['/healthz', '/readyz']) {
      expect(await api().answer(z.object({ status: z.string() }), path, { as: undefined })).toEqual({
        status: 'ok',
      });
    }
  });

  it('metrics need a token of all tenants, and count requests by route', async () => {
    expect(await api().refusal('/metrics')).toMatchObject({ code: 'TENANT_FORBIDDEN' });
    await api().refusal('/v1/runs/none');
    const response = await api().ask('/metrics', { as: 'everywhere' });
    expect(response.headers.get('content-type')).toContain('text/plain');
    const text = await response.text();
    expect(text).toMatch(
      /sluice_api_request_seconds_count\{method="GET",route="\/v1\/runs\/\{runId\}",status="404"\} \d/,
    );
    expect(text).toMatch(/sluice_api_errors_total\{code="RUN_NOT_FOUND"\} \d/);
    expect(text).toContain('process_cpu_seconds_total');
    expect(text).not.toContain(api().sluice.tenant);
  });
});

describe('bulk work', () => {
  it('a bulk re-run lists its runs in a dry run, and starts nothing twice under one key', async () => {
    const k = `bulk-${Date.now()}`;
    const runs = [await startWaiting(k), await startWaiting(k), await startWaiting(k)];
    const filter = { definition: 'waiting', status: 'WAITING' };
    const send = (body: object, key?: string) =>
      api().ask('/v1/runs/bulk', {
        json: body,
        ...(key !== undefined && { headers: { 'idempotency-key': key } }),
      });
    const dry = await lines(await send({ action: 'cancel', filter, dryRun: true }));
    expect(dry.at(-1)).toEqual({ summary: { would: 3 } });
    const done = await lines(await send({ action: 'cancel', filter, reason: 'all of them' }));
    expect(done.at(-1)).toEqual({ summary: { done: 3 } });
    expect(new Set(done.slice(0, -1).map((line) => Line.parse(line).runId))).toEqual(
      new Set(runs.map(({ runId }) => runId)),
    );
    for (const { workflowId } of runs) {
      await api()
        .client.result(workflowId)
        .catch(() => undefined);
    }
    await waitFor(async () => {
      const page = await api().client.runs.list(
        { definition: 'waiting', status: 'CANCELED' },
        {},
        { tenant: api().sluice.tenant },
      );
      return page.items.length === 3;
    });

    const again = { action: 'rerun', filter: { definition: 'waiting', status: 'CANCELED' } };
    const first = await lines(await send(again, 'bulk-1'));
    expect(first.at(-1)).toEqual({ summary: { done: 3 } });
    const second = await lines(await send(again, 'bulk-1'));
    expect(second.at(-1)).toEqual({ summary: { skipped: 3 } });
    const started = first.slice(0, -1).flatMap((line) => Line.parse(line).started ?? []);
    expect(started).toHaveLength(3);
    for (const { workflowId } of started) await api().sluice.client.terminate(workflowId);
  });
});

describe('dead letters', () => {
  it('dead letters are listed, shown redacted, retried and dismissed, one by one and in bulk', async () => {
    works = false;
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) {
      const run = await api().answer(Ref, '/v1/runs', {
        json: { definition: 'failing', payload: { pin: 'geheim-4711' } },
      });
      await expect(api().client.result(run.workflowId)).rejects.toMatchObject({ code: 'FAILED' });
      const page = await api().answer(
        apiPage(z.object({ id: z.string() })),
        `/v1/dead-letters?runId=${run.runId}`,
      );
      ids.push(...page.items.map(({ id }) => id));
    }
    expect(ids).toHaveLength(3);
    const shown = await (await api().ask(`/v1/dead-letters/${ids[0]}`)).text();
    expect(shown).not.toContain('geheim');
    expect(JSON.parse(shown)).toMatchObject({ kind: 'compensation', status: 'OPEN', canRetry: true });
    expect(await (await api().ask('/v1/dead-letters')).text()).not.toContain('geheim');

    const path = `/v1/dead-letters/${ids[0]}`;
    expect(await api().refusal(`${path}/retry`, { method: 'POST' })).toMatchObject({
      code: 'SERVICE_DOWN',
      status: 422,
    });
    works = true;
    const retried = await api().ask(`${path}/retry`, { json: { note: 'it is back' }, as: 'operator' });
    expect([retried.status, await retried.json()]).toEqual([200, { id: ids[0], status: 'RETRIED' }]);
    expect(await api().refusal(`${path}/dismiss`, { method: 'POST' })).toMatchObject({
      code: 'DEAD_LETTER_CLOSED',
      status: 409,
    });
    expect(JSON.parse(await (await api().ask(path)).text())).toMatchObject({
      acts: [{ actor: 'ada' }, {}, { act: 'retry', actor: 'otto', note: 'it is back' }, { act: 'retried' }],
    });

    const bulk = (body: object) =>
      api().ask('/v1/dead-letters/bulk', { json: { filter: { kind: 'compensation' }, ...body } });
    expect((await lines(await bulk({ action: 'dismiss', dryRun: true }))).at(-1)).toEqual({
      summary: { would: 2 },
    });
    expect((await lines(await bulk({ action: 'retry' }))).at(-1)).toEqual({ summary: { done: 2 } });
    expect(await lines(await bulk({ action: 'retry' }))).toEqual([{ summary: {} }]);
  });
});

describe('events', () => {
  it('an event is published, listed and explained', async () => {
    const run = await startWaiting('key-1');
    const sent = {
      eventName: 'GO',
      correlationKey: 'key-1',
      payload: { n: 1 },
      source: 'shop',
      eventId: 'e-1',
    };
    expect((await api().ask('/v1/events', { json: sent, as: 'operator' })).status).toBe(202);
    await api().client.result(run.workflowId);
    const { items } = await api().answer(apiPage(ApiInboundSummary), '/v1/events?eventName=GO');
    expect(items).toMatchObject([
      { source: 'shop', eventId: 'e-1', correlationKey: 'key-1', outcome: 'ROUTED' },
    ]);
    const explained = await (await api().ask('/v1/events/explain?source=shop&eventId=e-1')).json();
    expect(explained).toMatchObject({ eventName: 'GO', runs: [{ runId: run.runId, status: 'SIGNALED' }] });
    const theirs = await api().refusal('/v1/events/explain?source=shop&eventId=e-1', { as: 'other' });
    expect(theirs).toMatchObject({ code: 'EVENT_NOT_FOUND', status: 404 });
    expect((await api().ask('/v1/functions')).status).toBe(200);
  });
});

describe('reading over the API', () => {
  let remote: SluiceClient;
  beforeAll(async () => {
    remote = await createSluiceClient({
      ...api().sluice.temporal,
      taskQueue: api().sluice.taskQueue,
      tenant: api().sluice.tenant,
      reads: apiReads({ url: api().url, token: api().token.operator }),
    });
  });
  afterAll(() => remote.close());

  it('reads over the API equal reads from the database, redacted', async () => {
    const { tenant } = api().sluice;
    const local = api().client;
    const of = { tenant };
    const failed = await api().answer(Ref, '/v1/runs', {
      json: { definition: 'failing', payload: { pin: 'geheim-9' } },
    });
    await expect(api().client.result(failed.workflowId)).rejects.toMatchObject({ code: 'FAILED' });
    const page = await remote.runs.list({ definition: 'failing' });
    expect(page).toEqual(await local.runs.list({ definition: 'failing' }, {}, of));
    const runId = page.items[0]?.runId ?? '';
    expect(await remote.runs.get(runId)).toEqual(await local.runs.get(runId, of));
    expect(await remote.runs.steps(runId)).toEqual(await local.runs.steps(runId, {}, of));
    expect(await remote.runs.events(runId)).toEqual(await local.runs.events(runId, {}, of));
    expect(await remote.runs.waits(runId)).toEqual(await local.runs.waits(runId, {}, of));
    expect(await remote.runs.invocations(runId)).toEqual(await local.runs.invocations(runId, {}, of));
    expect(await remote.runs.evidence(runId)).toEqual(await local.runs.evidence(runId, {}, of));
    expect(await remote.runs.inbound(runId)).toEqual(await local.runs.inbound(runId, {}, of));
    expect(await remote.definitions.list()).toEqual(await local.definitions.list({}, of));
    expect(await remote.definitions.get('waiting', 1)).toEqual(await local.definitions.get('waiting', 1, of));
    expect((await remote.runs.export(runId)).redacted).toBe(true);
    const two = await remote.runs.events(runId, { limit: 2 });
    expect((await remote.runs.events(runId, { after: two.next ?? '' })).items[0]?.seq).toBe(3);
  });

  it("reads over the API throw the API's codes", async () => {
    await expect(remote.runs.get('none')).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
    await expect(remote.definitions.get('none')).rejects.toMatchObject({ code: 'DEFINITION_NOT_FOUND' });
    await expect(remote.runs.list({}, {}, { tenant: 'other' })).rejects.toMatchObject({
      code: 'TENANT_FORBIDDEN',
    });
    const reads = apiReads({ url: 'http://127.0.0.1:1' });
    await expect(reads.listRuns('default')).rejects.toMatchObject({
      code: 'API_UNAVAILABLE',
      retryable: true,
    });
  });
});
