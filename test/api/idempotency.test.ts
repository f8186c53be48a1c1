/**
 * Idempotency keys: a request that comes twice is done once and answered twice. A request that died leaves
 * its key STARTED under a lease; these tests write such keys for each point of a crash.
 */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { hashOf, operationIdOf } from '../../api/http/idempotency.js';
import { waitFor } from '../support/wait-for.js';
import { useApi, type AskOptions } from './support/api.js';

const QUICK = 'id: quick\nversion: 1\nsteps: []\n';
const WAITING =
  'id: waiting\nversion: 1\nsteps:\n  - { id: ask, type: event.wait, eventName: GO, correlationKey: k }\n';
const Started = z.object({ runId: z.string(), workflowId: z.string() });

const api = useApi();

let count = 0;
async function keyed(): Promise<{ key: string; send: (more?: AskOptions) => Promise<Response> }> {
  await api().ask('/v1/definitions', { json: { source: QUICK } });
  const key = `key-${++count}`;
  const json = { definition: 'quick', payload: { n: count } };
  return {
    key,
    send: (more) => api().ask('/v1/runs', { json, headers: { 'idempotency-key': key }, ...more }),
  };
}

/** Runs of the tenant that were started with this number in their payload. */
async function runsStarted(workflowPrefix: string): Promise<number> {
  let found = 0;
  for await (const { workflowId } of api().client.temporal.workflow.list({
    query: `WorkflowId STARTS_WITH "${workflowPrefix}"`,
  })) {
    if (workflowId !== '') found++;
  }
  return found;
}

/** Writes the key that a dead request leaves behind: held under a lease, by no living request. */
async function died(key: string, json: unknown, leaseMs: number): Promise<string> {
  const body = new TextEncoder().encode(JSON.stringify(json));
  const url = new URL('/v1/runs', api().url).href;
  const hash = hashOf({ method: 'POST', url, contentType: 'application/json' }, body);
  const id = { tenant: api().sluice.tenant, principal: 'ada', key };
  const now = Date.now();
  const lease = { holder: 'dead', now, forMs: leaseMs };
  await api().sluice.projections.apiRequests.begin(id, hash, lease, now + 86_400_000);
  return operationIdOf({ ...id, hash, replay: true });
}

describe('the same request with the same key', () => {
  it('a request that comes twice with one key is done once and gets the same answer twice', async () => {
    const { send } = await keyed();
    const first = await send();
    const second = await send();
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(await second.text()).toBe(await first.text());
    expect(second.headers.get('location')).toBe(first.headers.get('location'));
    expect([first, second].map(({ headers }) => headers.get('idempotency-replayed'))).toEqual([null, 'true']);
  });

  it('a request that ten callers send at once with one key is done once', async () => {
    const { send } = await keyed();
    const answers = await Promise.all(Array.from({ length: 10 }, () => send()));
    const done = answers.filter(({ status }) => status === 201);
    const ids = new Set(
      await Promise.all(done.map(async (answer) => Started.parse(await answer.json()).runId)),
    );
    expect(ids.size).toBe(1);
    for (const other of answers.filter(({ status }) => status !== 201)) {
      expect([other.status, other.headers.get('retry-after')]).toEqual([409, '1']);
      expect(await other.json()).toMatchObject({ code: 'IDEMPOTENCY_KEY_IN_FLIGHT' });
    }
  });

  it('one key of two tokens or two tenants means two requests', async () => {
    const { send } = await keyed();
    const ids = [
      Started.parse(await (await send()).json()).runId,
      Started.parse(await (await send({ as: 'operator' })).json()).runId,
    ];
    expect(new Set(ids).size).toBe(2);
    const theirs = await send({
      as: 'everywhere',
      headers: { 'idempotency-key': `key-${count}`, 'sluice-tenant': 'other' },
    });
    expect(await theirs.json()).toMatchObject({ code: 'DEFINITION_NOT_FOUND' });
  });

  it('a key that comes again with another body or path is refused, and nothing is done', async () => {
    const { key, send } = await keyed();
    const { workflowId } = Started.parse(await (await send()).json());
    for (const [path, json] of [
      ['/v1/runs', { definition: 'quick', payload: { n: 'another' }, workflowId: `not-me-${key}` }],
      ['/v1/definitions', { source: QUICK }],
    ] as const) {
      const refusal = await api().refusal(path, { json, headers: { 'idempotency-key': key } });
      expect([refusal.code, refusal.status]).toEqual(['IDEMPOTENCY_KEY_REUSED', 422]);
    }
    expect(await runsStarted(`~${api().sluice.tenant}/not-me-${key}`)).toBe(0);
    expect(await runsStarted(workflowId)).toBe(1);
  });

  it('a refused request frees its key, because nothing was done', async () => {
    const headers = { 'idempotency-key': `free-${++count}` };
    expect(await api().refusal('/v1/runs', { json: { definition: 'absent' }, headers })).toMatchObject({
      status: 404,
    });
    await keyed();
    expect((await api().ask('/v1/runs', { json: { definition: 'quick' }, headers })).status).toBe(201);
  });

  it.each([' ', 'a b', 'ä', 'x'.repeat(256)])('a key that is not valid is refused: %j', async (key) => {
    const headers = { 'idempotency-key': encodeURIComponent(key) === key ? key : `bad ${key.length}` };
    expect(await api().refusal('/v1/runs', { json: { definition: 'quick' }, headers })).toMatchObject({
      code: 'INPUT_INVALID',
    });
  });
});

describe('a request that died', () => {
  it('a request that died before the start is done by a repetition, once its lease has expired', async () => {
    const { key, send } = await keyed();
    await died(key, { definition: 'quick', payload: { n: count } }, 60_000);
    expect(await (await send()).json()).toMatchObject({ code: 'IDEMPOTENCY_KEY_IN_FLIGHT' });
    const { tenant, projections } = api().sluice;
    const id = { tenant, principal: 'ada', key };
    // As the clock of the database does in a minute.
    expect(await projections.apiRequests.renew(id, { holder: 'dead', forMs: 0 })).toBe(true);
    expect((await send()).status).toBe(201);
  });

  it.each([
    ['without a workflow id', {}],
    [
      'with a workflow id of the caller',
      { workflowId: 'mine', onConflict: 'terminate-existing', reuse: 'always' },
    ],
  ])('after the run was started does not start it twice: %s', async (_, options) => {
    await keyed();
    const key = `crash-${++count}`;
    const named = 'workflowId' in options ? { ...options, workflowId: `mine-${key}` } : options;
    const json = { definition: 'quick', payload: { n: count }, ...named };
    const operationId = await died(key, json, -1);
    // The dead request had started the run already, as the route does.
    const { workflowId = `quick/${operationId}` } = named as { workflowId?: string };
    const { client, sluice } = api();
    const start = { workflowId, tenant: sluice.tenant, trigger: { type: 'api', operationId } };
    const before = await ('workflowId' in named
      ? client.start('quick', { n: count }, start)
      : client.startMade('quick', { n: count }, start));
    const again = await api().ask('/v1/runs', { json, headers: { 'idempotency-key': key } });
    expect([again.status, await again.json()]).toEqual([201, before]);
    expect(await runsStarted(before.workflowId)).toBe(1);
  });

  it('a request that died after its rewind does not rewind the run twice', async () => {
    await api().ask('/v1/definitions', { json: { source: WAITING } });
    const run = await api().answer(Started, '/v1/runs', { json: { definition: 'waiting' } });
    const { tenant, projections } = api().sluice;
    await waitFor(async () => (await projections.reads.getRun(tenant, run.runId))?.status === 'WAITING');
    const operationId = `rewind${++count}`;
    const asked = { tenant, stepPath: 'steps[0]', operationId };
    const first = await api().client.runs.rewind(run.runId, asked);
    expect(await api().client.runs.rewind(run.runId, asked)).toEqual(first);
    expect(first.resetExecutionId).toBe(run.runId);
    await api().client.terminate(run.workflowId);
  });

  it('a late request whose key another one took over does not change the stored answer', async () => {
    const { apiRequests } = api().sluice.projections;
    const id = { tenant: api().sluice.tenant, principal: 'ada', key: `late-${++count}` };
    const begin = (holder: string, now: number) =>
      apiRequests.begin(id, 'h', { holder, now, forMs: 60_000 }, 1_000);
    expect(await begin('first', 0)).toEqual({ kind: 'execute' });
    // However late the clock of another API is, the lease is alive.
    expect(await begin('second', 999)).toEqual({ kind: 'held' });
    expect(await apiRequests.renew(id, { holder: 'first', forMs: 0 })).toBe(true);
    expect(await begin('second', 20)).toEqual({ kind: 'execute' });
    await apiRequests.end(id, 'first', { kind: 'answered', answer: 'late' });
    expect(await apiRequests.renew(id, { holder: 'first', forMs: 99 })).toBe(false);
    await apiRequests.end(id, 'second', { kind: 'answered', answer: 'right' });
    expect(await begin('third', 30)).toEqual({ kind: 'answered', answer: 'right' });
    expect(await begin('third', 1_001)).toEqual({ kind: 'execute' });
  });
});

describe('a key', () => {
  it('an expired key is removed, and no other key is', async () => {
    const { apiRequests } = api().sluice.projections;
    const key = (name: string) => ({ tenant: 'forget', principal: 'p', key: name });
    const begin = (name: string, expires: number) =>
      apiRequests.begin(key(name), 'h', { holder: 'x', now: 0, forMs: 60_000 }, expires);
    await begin('old', 100);
    await begin('young', 10_000);
    // A key that is used again later expires later.
    await begin('again', 100);
    await apiRequests.end(key('again'), 'x', { kind: 'undecided' });
    await begin('again', 10_000);
    expect(await apiRequests.forget(500)).toBe(1);
    expect(await apiRequests.forget(500)).toBe(0);
    expect(await begin('young', 10_000)).toEqual({ kind: 'held' });
    expect(await begin('again', 10_000)).toEqual({ kind: 'held' });
  });
});
