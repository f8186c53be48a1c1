/** What only HTTP has: the modes of CloudEvents, batches, and answers that ask a sender to retry. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSluiceClient, httpBus } from '../../../client/index.js';
import type { Json, JsonObject } from '../../../contracts/json.js';
import { openProjections } from '../../../projections/index.js';
import { runCommand } from '../../support/command.js';
import { surrealBinary } from '../../support/requirements.js';
import { startProxy } from '../../support/servers/proxy.js';
import { startServer } from '../../support/servers/surreal-server.js';
import { useSluice } from '../../support/sluice.js';
import { waitFor } from '../../support/wait-for.js';
import { openBridge, type TestBridge } from '../support/bridge.js';

const TOKEN = 'a-token-of-the-test';
const [SHOP, AUDITOR, GONE] = ['token-of-the-shop', 'token-of-the-auditor', 'token-that-is-over'] as const;
const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');
/** Nothing listens there. */
const NO_PORT = 1;
const BEARER = { authorization: `Bearer ${TOKEN}` };
const sluice = useSluice();
let bridge: TestBridge;
beforeAll(async () => {
  await sluice().publish(
    '{id: on-x, version: 1, triggers: [{type: event, eventName: X}], steps: [], result: {$expr: payload}}',
  );
  const directory = await mkdtemp(join(tmpdir(), 'sluice-senders-'));
  const tokensFile = join(directory, 'senders.json');
  const senders = [
    {
      ...{ name: 'shop', hash: hashOf(SHOP), tenants: [sluice().tenant], events: ['X', 'PAY_*'] },
      ...{ sources: ['shop', '/shop/*'], may: ['send'] },
    },
    { name: 'auditor', hash: hashOf(AUDITOR), tenants: [sluice().tenant], events: ['X'], may: ['read'] },
    {
      ...{ name: 'gone', hash: hashOf(GONE), tenants: ['*'], events: ['*'], may: ['send', 'read'] },
      expires: '2020-01-01T00:00:00Z',
    },
  ];
  await writeFile(tokensFile, JSON.stringify({ senders }));
  bridge = await openBridge(sluice(), { config: { inFlight: 1, token: TOKEN, tokensFile } });
  await rm(directory, { recursive: true });
});
afterAll(() => bridge.stop());

const workflowOf = ({ body }: { readonly body: JsonObject }): string =>
  (body['triggers'] as readonly { readonly workflowId: string }[])[0]?.workflowId ?? '';

describe('a CloudEvent', () => {
  it('a CloudEvent in structured mode is routed', async () => {
    const event = {
      specversion: '1.0',
      id: 's-1',
      source: '/shop',
      type: 'X',
      tenantid: sluice().tenant,
      workflowcorrelationkey: 7,
      data: { n: 1 },
    };
    const answer = await bridge.post(event, {
      ...BEARER,
      'content-type': 'application/cloudevents+json; charset=utf-8',
    });
    expect(answer).toMatchObject({ status: 202, body: { outcome: 'ROUTED', correlationKey: '7' } });
    expect(await sluice().client.result(workflowOf(answer))).toEqual({ n: 1 });
  });

  it('a CloudEvent in binary mode has its attributes in headers', async () => {
    const answer = await bridge.post(
      { n: 2 },
      {
        ...BEARER,
        'ce-specversion': '1.0',
        'ce-id': 'b-1',
        'ce-source': '/shop',
        'ce-type': 'X',
        'ce-tenantid': sluice().tenant,
        'ce-workflowcorrelationkey': 'caf%C3%A9',
      },
    );
    expect(answer).toMatchObject({ status: 202, body: { outcome: 'ROUTED', correlationKey: 'café' } });
    expect(await sluice().client.result(workflowOf(answer))).toEqual({ n: 2 });
  });

  it('each event of a batch has its own outcome', async () => {
    const of = (id: string, type: string) => ({
      specversion: '1.0',
      id,
      source: '/shop',
      type,
      tenantid: sluice().tenant,
    });
    const answer = await bridge.post([of('l-1', 'X'), of('l-2', 'Y'), of('l-1', 'X')], {
      ...BEARER,
      'content-type': 'application/cloudevents-batch+json',
    });
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject([
      { id: 'l-1', outcome: 'ROUTED', duplicate: false },
      { id: 'l-2', outcome: 'UNRESOLVED' },
      { id: 'l-1', outcome: 'ROUTED', duplicate: true },
    ]);
  });

  const structured = { ...BEARER, 'content-type': 'application/cloudevents+json' };
  const cloud = (more: JsonObject): JsonObject => ({
    specversion: '1.0',
    source: '/shop',
    type: 'X',
    tenantid: sluice().tenant,
    ...more,
  });
  const headers = (more: Readonly<Record<string, string>>) => ({
    ...BEARER,
    'ce-specversion': '1.0',
    'ce-source': '/shop',
    'ce-type': 'X',
    'ce-tenantid': sluice().tenant,
    ...more,
  });
  const problems = ({ body }: { readonly body: JsonObject }): Json | undefined =>
    (body['error'] as JsonObject | undefined)?.['problems'];

  it('a CloudEvent in structured mode is read from its body, also with headers of another event', async () => {
    const event = cloud({ id: 's-2', workflowcorrelationkey: 'body', data: { n: 3 } });
    const more = headers({ 'ce-id': 'in-a-header', 'ce-workflowcorrelationkey': 'header' });
    const answer = await bridge.post(event, { ...more, ...structured });
    expect(answer).toMatchObject({ status: 202, body: { id: 's-2', correlationKey: 'body' } });
    expect(await sluice().client.result(workflowOf(answer))).toEqual({ n: 3 });
  });

  it.each([
    ['"quoted"', 'quoted'],
    ['"with \\"quotes\\" and a \\\\"', 'with "quotes" and a \\'],
    ['"caf%C3%A9"', 'café'],
    ['50%2525', '50%25'],
    ['caf%c3%a9', 'café'],
  ])('the value %s of a header of a CloudEvent is unquoted and percent-decoded once', async (value, key) => {
    const answer = await bridge.post(1, headers({ 'ce-id': value, 'ce-workflowcorrelationkey': value }));
    expect(answer).toMatchObject({ status: 202, body: { id: key, correlationKey: key } });
  });

  it.each(['100%', '%zz', '%C0%A0', '%ff', 'say "hi"', '"open', 'caf\u00e9'])(
    'the value %s of a header of a CloudEvent is refused: it cannot be read in one way',
    async (value) => {
      const answer = await bridge.post(1, headers({ 'ce-id': 'h', 'ce-workflowcorrelationkey': value }));
      expect(answer.status).toBe(400);
      expect(problems(answer)).toEqual([expect.stringMatching(/^ce-workflowcorrelationkey: must be text/)]);
    },
  );

  it('a header of a CloudEvent that is given twice, or that the body gives, is refused', async () => {
    const given = { 'ce-data': '1', 'ce-data_base64': 'MQ==', 'ce-datacontenttype': 'application/json' };
    const sent = new Headers(headers(given));
    const { hostname, port } = new URL(bridge.url);
    const twice = request({ hostname, port, path: '/events', method: 'POST' });
    for (const [name, value] of sent) twice.setHeader(name, value);
    twice.setHeader('ce-id', ['a', 'b']);
    const answered = once(twice, 'response') as Promise<[IncomingMessage]>;
    twice.end('1');
    const [response] = await answered;
    expect(response.statusCode).toBe(400);
    expect(problems({ body: (await json(response)) as JsonObject })).toEqual([
      'ce-data: must not be sent: the body and its content-type say it',
      'ce-data_base64: must not be sent: the body and its content-type say it',
      'ce-datacontenttype: must not be sent: the body and its content-type say it',
      'ce-id: is given 2 times',
    ]);
  });

  it('data_base64 holds JSON: it reaches the run as data does', async () => {
    const data_base64 = Buffer.from('{"é": [1, null]}').toString('base64');
    const answer = await bridge.post(cloud({ id: 'base64', data_base64 }), structured);
    expect(answer).toMatchObject({ status: 202, body: { outcome: 'ROUTED' } });
    expect(await sluice().client.result(workflowOf(answer))).toEqual({ é: [1, null] });
  });

  it.each([
    ['an older version', { specversion: '0.3' }, ['specversion: must be 1.0']],
    [
      'data of another type',
      { datacontenttype: 'text/plain', data: 'x' },
      ['datacontenttype: must be JSON: application/json'],
    ],
    [
      'bytes that are not JSON',
      { data_base64: '/w==' },
      ['data_base64: must be base64 of JSON text in UTF-8'],
    ],
    ['data that is not base64', { data_base64: '{}' }, ['data_base64: must be base64 of JSON text in UTF-8']],
    ['data twice', { data: 1, data_base64: 'MQ==' }, ['data_base64: is given beside data']],
    [
      'rounded numbers in base64',
      { data_base64: Buffer.from('{"n":9007199254740993}').toString('base64') },
      ['data_base64: /n is an integer beyond ±(2^53 − 1), which would lose digits: send it as text'],
    ],
    [
      'a name in camel case',
      { workflowCorrelationKey: 'k' },
      ['workflowCorrelationKey: an attribute has lower-case letters and digits only in its name'],
    ],
    ['an object as an extension', { trace: {} }, ['trace: an attribute must be text, a number or a boolean']],
    ['an empty subject', { subject: '' }, ['subject: must not be empty']],
    ['a control character', { id: 'a\u0000b' }, ['id: must not have control characters']],
  ])('a CloudEvent with %s is refused, and the answer says why', async (_, more, expected) => {
    const answer = await bridge.post(cloud({ id: 'refused', ...more }), structured);
    expect(answer.status).toBe(400);
    expect(problems(answer)).toEqual(expected);
  });

  it('a CloudEvent keeps its extensions, and an attribute that is null is not set', async () => {
    const event = cloud({ id: 'ext', traceparent: '00-a', retries: 2, sampled: true, subject: null });
    expect(await bridge.post(event, structured)).toMatchObject({ status: 202 });
    const audit = await bridge.get({ tenant: sluice().tenant, source: '/shop', id: 'ext' });
    expect(audit.body['envelope']).toEqual(event);
  });

  it('a CloudEvent keeps its extensions in binary mode too, as text', async () => {
    const more = {
      'ce-id': 'ext-binary',
      'ce-traceparent': '"00-a"',
      'ce-retries': '2',
      'ce-time': '2026-01-01T00:00:00Z',
    };
    expect(await bridge.post({ n: 1 }, headers(more))).toMatchObject({ status: 202 });
    const audit = await bridge.get({ tenant: sluice().tenant, source: '/shop', id: 'ext-binary' });
    expect(audit.body['envelope']).toEqual(
      cloud({
        id: 'ext-binary',
        traceparent: '00-a',
        retries: '2',
        time: '2026-01-01T00:00:00Z',
        datacontenttype: 'application/json',
        data: { n: 1 },
      }),
    );
  });

  it('an event of a batch has its extensions, and its data in base64', async () => {
    const data_base64 = Buffer.from('{"n":4}').toString('base64');
    const event = cloud({ id: 'in-a-batch', traceparent: '00-b', workflowcorrelationkey: 'k', data_base64 });
    const answer = await bridge.post([event], {
      ...headers({ 'ce-id': 'in-a-header' }),
      'content-type': 'application/cloudevents-batch+json',
    });
    const [routed] = answer.body as unknown as readonly JsonObject[];
    expect(routed).toMatchObject({ status: 202, id: 'in-a-batch', correlationKey: 'k' });
    expect(await sluice().client.result(workflowOf({ body: routed as JsonObject }))).toEqual({ n: 4 });
    const audit = await bridge.get({ tenant: sluice().tenant, source: '/shop', id: 'in-a-batch' });
    expect(audit.body['envelope']).toEqual(event);
  });

  it('a format of CloudEvents that the bridge cannot read is refused, and not taken for another', async () => {
    const type = { 'content-type': 'application/cloudevents+avro' };
    const answer = await bridge.post(cloud({ id: 'avro' }), { ...headers({ 'ce-id': 'avro' }), ...type });
    expect(problems(answer)).toEqual([
      expect.stringMatching(/^content-type is application\/cloudevents\+avro/),
    ]);
    const lacking = await bridge.post({ id: 'x', source: '/s', type: 'X' }, structured);
    expect(problems(lacking)).toEqual(['specversion: must be 1.0']);
  });
});

describe('a batch', () => {
  const BATCH = { ...BEARER, 'content-type': 'application/cloudevents-batch+json' };
  const of = (id: string, more: JsonObject = {}): JsonObject => ({
    specversion: '1.0',
    id,
    source: '/batch',
    type: 'X',
    tenantid: sluice().tenant,
    ...more,
  });

  it('one bad event of a batch hinders no other, and each has its answer at its place', async () => {
    const bad = [of('b-2', { time: 'noon' }), of('b-3', { tenantid: 'unknown' }), 'no event'] as const;
    const answer = await bridge.post([of('b-1'), ...bad, of('b-4')], BATCH);
    expect(answer.status).toBe(207);
    expect(answer.body).toMatchObject([
      { status: 202, id: 'b-1', outcome: 'ROUTED' },
      {
        status: 400,
        source: '/batch',
        id: 'b-2',
        error: { code: 'EVENT_INVALID', problems: [expect.stringMatching(/^time/)] },
      },
      { status: 404, id: 'b-3', error: { code: 'TENANT_UNKNOWN' } },
      { status: 400, error: { code: 'EVENT_INVALID' } },
      { status: 202, id: 'b-4', outcome: 'ROUTED' },
    ]);
  });

  it('a batch of which nothing can be taken is refused as a whole, with every problem', async () => {
    const answer = await bridge.post([of('c-1', { time: 'noon' }), 5], BATCH);
    expect(answer).toMatchObject({
      status: 400,
      body: {
        error: {
          code: 'EVENT_INVALID',
          problems: [
            '[0] time: must be an RFC 3339 time with an offset',
            '[1] the event must be a JSON object',
          ],
        },
        events: [{ status: 400, id: 'c-1' }, { status: 400 }],
      },
    });
  });

  it('an empty batch is taken', async () => {
    expect(await bridge.post([], BATCH)).toMatchObject({ status: 202, body: [] });
  });

  it.skipIf(surrealBinary === undefined)(
    'a batch that loses its database half-way says which events to send again; all of it again does nothing twice',
    async () => {
      const server = await startServer();
      const proxy = await startProxy(server.port);
      const projections = await openProjections({
        ...{ url: `ws://127.0.0.1:${proxy.port}`, username: 'root', password: 'root' },
        unavailableAfterMs: 300,
      });
      const { events } = projections;
      let cut = false;
      const record: typeof events.record = (recording) => {
        if (recording.event.id === 'd-3' && !cut) {
          cut = true;
          proxy.failOver(NO_PORT);
          proxy.cut();
        }
        return events.record(recording);
      };
      const far = { ...sluice(), projections: { ...projections, events: { ...events, record } } };
      const cutOff = await openBridge(far);
      try {
        await projections.putDefinition(sluice().tenant, {
          pin: { id: 'known', version: 1, hash: 'a'.repeat(64) },
          ...{ source: '{"id":"known","version":1,"steps":[]}', format: 'json', publishedBy: 'test' },
        });
        const batch = ['d-1', 'd-2', 'd-3', 'd-4'].map((id) => of(id));
        const first = await cutOff.post(batch, BATCH);
        expect(first.status).toBe(503);
        expect(first.headers.get('retry-after')).toBe('5');
        const away = (id: string) => ({ status: 503, id, error: { code: 'DATABASE_UNAVAILABLE' } });
        expect(first.body['events']).toMatchObject([
          { status: 202, id: 'd-1', duplicate: false },
          { status: 202, id: 'd-2', duplicate: false },
          away('d-3'),
          away('d-4'),
        ]);
        proxy.failOver(server.port);
        const again = await waitFor(async () => {
          const answer = await cutOff.post(batch, BATCH);
          return answer.status === 202 && answer;
        });
        expect(again.body).toMatchObject([
          { id: 'd-1', duplicate: true },
          { id: 'd-2', duplicate: true },
          { id: 'd-3' },
          { id: 'd-4' },
        ]);
        const { items } = await events.list(sluice().tenant, {}, {});
        expect(items.map(({ id }) => id).sort()).toEqual(['d-1', 'd-2', 'd-3', 'd-4']);
      } finally {
        await cutOff.stop();
        await projections.close();
        await proxy.close();
        await server.kill();
      }
    },
  );
});

describe('a sender', () => {
  it('a sender without the token is refused', async () => {
    expect(await bridge.post({})).toMatchObject({
      status: 401,
      body: { error: { code: 'BRIDGE_TOKEN_INVALID' } },
    });
  });

  const as = (token: string) => ({ authorization: `Bearer ${token}` });
  const sent = (eventName: string, tenantId: string, eventId = `own-${eventName}`): JsonObject => ({
    ...{ eventId, eventName, tenantId, source: 'shop' },
  });

  it('a sender with a separate token sends the events of its tenants, names and sources, and no others, under its name', async () => {
    const { tenant } = sluice();
    expect((await bridge.post(sent('X', tenant), as(SHOP))).status).toBe(202);
    expect((await bridge.post(sent('PAY_1', tenant), as(SHOP))).status).toBe(202);
    const refused = { status: 403, body: { error: { code: 'SENDER_FORBIDDEN' } } };
    for (const [name, of, token] of [
      ['X', 'another', SHOP],
      ['X', 'no-such-tenant', SHOP],
      ['Y', tenant, SHOP],
      ['X', tenant, AUDITOR],
    ] as const) {
      expect(await bridge.post(sent(name, of), as(token))).toMatchObject(refused);
    }
    const named = (source: string) => ({ ...sent('X', tenant, `from-${source}`), source });
    expect(await bridge.post(named('bank'), as(SHOP))).toMatchObject(refused);
    expect((await bridge.post(named('/shop/1'), as(SHOP))).status).toBe(202);
    const explained = await sluice().projections.events.explain({ tenant, source: 'shop', id: 'own-X' });
    expect(explained?.sender).toBe('shop');
    expect(await bridge.post(sent('X', tenant), as(GONE))).toMatchObject({ status: 401 });
    expect(await bridge.post(sent('X', tenant), as('not-a-token'))).toMatchObject({ status: 401 });
    const batch = await bridge.post([sent('X', tenant, 'own-b'), sent('X', 'another', 'own-c')], {
      'content-type': 'application/cloudevents-batch+json',
      ...as(SHOP),
    });
    expect(batch.status).toBe(207);
    expect(batch.body).toMatchObject([{ status: 202 }, { status: 403, error: { code: 'SENDER_FORBIDDEN' } }]);
  });

  it('the log of a run names the token of the sender, for an event that comes before its wait too [actors-ride-along]', async () => {
    const { tenant, projections, client } = sluice();
    const wait = (id: string) => ({
      id,
      type: 'event.wait',
      eventName: `PAY_${id}`,
      correlationKey: 'named',
    });
    const steps = [wait('A'), wait('B')];
    const run = await sluice().startSource(JSON.stringify({ id: 'waits-twice', version: 1, steps }));
    await waitFor(async () => (await projections.reads.getRun(tenant, run.runId))?.status === 'WAITING');
    for (const id of ['B', 'A']) {
      const event = { ...sent(`PAY_${id}`, tenant, `named-${id}`), workflow_correlation_key: 'named' };
      expect((await bridge.post(event, as(SHOP))).status).toBe(202);
    }
    await client.result(run.workflowId);
    const { items } = await projections.reads.listEvents(tenant, run.runId, { limit: 100 });
    expect(items.flatMap(({ type, data }) => (type === 'EVENT_RECEIVED' ? [data] : []))).toMatchObject([
      { eventId: 'named-A', actor: 'shop' },
      { eventId: 'named-B', actor: 'shop' },
    ]);
  });

  it('an event that the API sends is by its principal, and no sender names another [actors-ride-along]', async () => {
    const { tenant, projections } = sluice();
    const principal = 'https://issuer/ádá';
    await httpBus(bridge.url, TOKEN).publish(sent('X', tenant, 'of-api'), principal);
    await httpBus(bridge.url, SHOP).publish(sent('X', tenant, 'of-shop'), principal);
    await httpBus(bridge.url, TOKEN).publish(sent('X', tenant, 'of-none'));
    const senderOf = async (id: string) =>
      (await projections.events.explain({ tenant, source: 'shop', id }))?.sender;
    expect(await Promise.all(['of-api', 'of-shop', 'of-none'].map(senderOf))).toEqual([
      principal,
      'shop',
      'SLUICE_BRIDGE_TOKEN',
    ]);
  });

  it('a request that is refused for its sender is logged and counted, without its token or its query', async () => {
    const { tenant } = sluice();
    const refusals = async (code: string): Promise<number> => {
      const text = await (await fetch(`${bridge.url}/metrics`, { headers: BEARER })).text();
      return Number(
        new RegExp(`^sluice_bridge_refusals_total\\{code="${code}"\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0,
      );
    };
    const before = [await refusals('BRIDGE_TOKEN_INVALID'), await refusals('SENDER_FORBIDDEN')] as const;
    const lines = bridge.logged.length;
    await bridge.post(sent('X', tenant), as('a-wrong-token'));
    await bridge.post(sent('Y', tenant), as(SHOP));
    await fetch(`${bridge.url}/events?tenant=secret-tenant`, { headers: as(SHOP) });
    expect([await refusals('BRIDGE_TOKEN_INVALID'), await refusals('SENDER_FORBIDDEN')]).toEqual([
      before[0] + 1,
      before[1] + 2,
    ]);
    const logged = bridge.logged.slice(lines);
    expect(logged).toMatchObject([
      { level: 'warn', fields: { code: 'BRIDGE_TOKEN_INVALID', method: 'POST', path: '/events' } },
      {
        level: 'warn',
        fields: { code: 'SENDER_FORBIDDEN', reason: expect.stringContaining('shop') as string },
      },
      { level: 'warn', fields: { code: 'SENDER_FORBIDDEN', method: 'GET', path: '/events' } },
    ]);
    expect(JSON.stringify(logged)).toContain('127.0.0.1');
    for (const secret of ['a-wrong-token', SHOP, 'secret-tenant']) {
      expect(JSON.stringify(logged)).not.toContain(secret);
    }
  });

  it('a sender with a separate token reads the events of its tenants and names, and no others', async () => {
    const { tenant } = sluice();
    await bridge.post(sent('X', tenant), BEARER);
    await bridge.post(sent('Z', tenant), BEARER);
    const read = async (query: Record<string, string>, token: string): Promise<number> => {
      const url = `${bridge.url}/events?${new URLSearchParams(query).toString()}`;
      return (await fetch(url, { headers: as(token) })).status;
    };
    const one = (id: string) => ({ tenant, source: 'shop', id });
    expect(await read(one('own-X'), AUDITOR)).toBe(200);
    expect(await read({ tenant, name: 'X' }, AUDITOR)).toBe(200);
    // An event of another name is as one that does not exist.
    expect([await read(one('own-Z'), AUDITOR), await read(one('own-none'), AUDITOR)]).toEqual([404, 404]);
    expect(await read(one('own-Z'), TOKEN)).toBe(200);
    for (const query of [
      { tenant },
      { tenant, name: 'Z' },
      { tenant: 'another', name: 'X' },
      { name: 'X' },
    ]) {
      expect(await read(query, AUDITOR)).toBe(403);
    }
    expect(await read(one('own-X'), SHOP)).toBe(403);
  });

  it('a sender of another content type gets an error that names it', async () => {
    expect(await bridge.post({}, { ...BEARER, 'content-type': 'text/xml' })).toMatchObject({ status: 400 });
  });

  it('a sender is asked to retry while the bridge is saturated', async () => {
    const event = JSON.stringify({ eventId: 'slow', eventName: 'Y', tenantId: sluice().tenant });
    const slow = request(`${bridge.url}/events`, {
      method: 'POST',
      headers: {
        ...BEARER,
        'content-type': 'application/json',
        'content-length': event.length,
        expect: '100-continue',
      },
    });
    // The bridge waits for the body: from here on its only slot is in use.
    slow.flushHeaders();
    await new Promise((resolve) => slow.once('continue', resolve));
    slow.write(event.slice(0, 5));
    const busy = await bridge.post({ eventId: 'f', eventName: 'Y', tenantId: sluice().tenant }, BEARER);
    expect(busy).toMatchObject({ status: 503, body: { error: { code: 'BRIDGE_SATURATED' } } });
    expect(busy.headers.get('retry-after')).toBe('1');
    const answered = new Promise<number | undefined>((resolve) =>
      slow.once('response', (response) => {
        response.resume();
        resolve(response.statusCode);
      }),
    );
    slow.end(event.slice(5));
    expect(await answered).toBe(202);
    const again = await bridge.post({ eventId: 'f', eventName: 'Y', tenantId: sluice().tenant }, BEARER);
    expect(again.status).toBe(202);
  });
});

describe('without a token', () => {
  let open: TestBridge;
  beforeAll(async () => (open = await openBridge(sluice(), { requestLimitMs: 300 })));
  afterAll(() => open.stop());

  interface Raw {
    readonly headers: Readonly<Record<string, string>>;
    readonly method?: string;
    readonly body?: string;
    /** Bytes that the head announces; default: those of the body. */
    readonly length?: number;
  }
  const ask = ({ headers, method = 'POST', body, length }: Raw) =>
    new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
      const { port } = new URL(open.url);
      const sent = request({ host: '127.0.0.1', port, path: '/events', method, headers }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve({ status: response.statusCode, text }));
      });
      sent.on('error', reject);
      if (body === undefined) {
        sent.end();
      } else if (length === undefined) {
        sent.end(body);
      } else {
        sent.setHeader('content-length', length);
        sent.write(body);
      }
    });
  const event = (id: string) =>
    JSON.stringify({ eventId: id, eventName: 'X', tenantId: sluice().tenant, payload: {} });
  const type = { 'content-type': 'application/json' };

  it.each([
    ['of another origin', { ...type, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['of another origin, without its type', { origin: 'https://evil.example' }],
    ['of a sandboxed frame', { ...type, origin: 'null' }],
    ['of another port of this machine', { ...type, 'sec-fetch-site': 'same-site' }],
    ['under its own name (DNS rebinding)', { ...type, host: 'evil.example', origin: 'http://evil.example' }],
  ])('a page %s starts and reads nothing', async (page, headers) => {
    const id = `page ${page}`;
    expect(await ask({ headers, body: event(id) })).toMatchObject({ status: 403 });
    expect(await ask({ headers, method: 'GET' })).toMatchObject({ status: 403 });
    const { tenant } = sluice();
    expect((await open.get({ tenant, source: 'plain', id })).status).toBe(404);
  });

  it('a body without a content type, or as text, is refused', async () => {
    expect(await ask({ headers: {}, body: event('untyped') })).toMatchObject({ status: 400 });
    expect(await ask({ headers: { 'content-type': 'text/plain' }, body: event('text') })).toMatchObject({
      status: 400,
    });
    expect(await ask({ headers: type, body: event('typed') })).toMatchObject({ status: 202 });
    const { tenant } = sluice();
    expect((await open.get({ tenant, source: 'plain', id: 'typed' })).status).toBe(200);
  });

  it('a key that is there twice is refused with its place', async () => {
    const body = '{"eventId":"a","eventName":"X","payload":{"sum":1,"sum":1000}}';
    const { status, text } = await ask({ headers: type, body });
    expect(status).toBe(400);
    expect(text).toContain('/payload/sum is a key that is there twice');
  });

  it('a body that does not come in time ends with a code', async () => {
    const { status, text } = await ask({ headers: type, body: '{', length: 100 });
    expect(status).toBe(408);
    expect(text).toContain('REQUEST_TIMEOUT');
  });
});

describe('from an application and from the command line', () => {
  it('client.publishEvent puts an event on the bus, with its key', async () => {
    const client = await createSluiceClient({
      ...sluice().temporal,
      taskQueue: sluice().taskQueue,
      tenant: sluice().tenant,
      bus: httpBus(bridge.url, TOKEN),
    });
    try {
      const { eventId } = await client.publishEvent({
        eventName: 'Y',
        correlationKey: 'c-1',
        payload: { a: 1 },
      });
      const audit = await bridge.get({ tenant: sluice().tenant, source: 'sluice-client', id: eventId });
      expect(audit.body).toMatchObject({ correlationKey: 'c-1', outcome: 'NO_MATCH', via: 'http' });
      await expect(client.publishEvent({ eventName: '' })).rejects.toMatchObject({ code: 'EVENT_INVALID' });
    } finally {
      await client.close();
    }
  });

  it('sluice events publish, list and explain work against the bridge', async () => {
    const bin = fileURLToPath(new URL('../../../cli/bin.mjs', import.meta.url));
    const env = {
      ...process.env,
      TEMPORAL_ADDRESS: sluice().temporal.address,
      TEMPORAL_NAMESPACE: sluice().temporal.namespace,
      SLUICE_BRIDGE_URL: bridge.url,
      SLUICE_BRIDGE_TOKEN: TOKEN,
    };
    const run = (...args: string[]) =>
      runCommand(process.execPath, [bin, '--tenant', sluice().tenant, ...args], { env });
    const published = await run(
      'events',
      'publish',
      'X',
      '--payload',
      '{"n":3}',
      '--key',
      'k-9',
      '--id',
      'cli-1',
    );
    expect(published).toMatchObject({ code: 0, stdout: 'cli-1\n' });
    const [list, explain, unknown] = await Promise.all([
      run('events', 'list', '--name', 'X', '--limit', '1'),
      run('events', 'explain', 'sluice-client', 'cli-1'),
      run('events', 'explain', 'sluice-client', 'no-such'),
    ]);
    expect(list.stdout).toMatch(/ROUTED +X {2}k-9 {2}sluice-client {2}cli-1\n/);
    expect(explain.stdout).toContain('key: k-9, from explicit:event.workflow_correlation_key');
    expect(explain.stdout).toContain('runs: no open wait matched the name and key');
    expect(explain.stdout).toContain('on-x version 1: STARTED on-x/event-');
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain('EVENT_NOT_FOUND');
  });
});

it('a token that is taken out of the file is refused without a restart, and a broken file changes nothing', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-senders-'));
  const tokensFile = join(directory, 'senders.json');
  const replace = async (text: string): Promise<void> => {
    await writeFile(`${tokensFile}.new`, text);
    await rename(`${tokensFile}.new`, tokensFile);
  };
  const bound = { tenants: ['*'], events: ['*'], may: ['read'] };
  const entry = (name: string, token: string) => ({ name, hash: hashOf(token), ...bound });
  await replace(JSON.stringify({ senders: [entry('shop', SHOP), entry('auditor', AUDITOR)] }));
  const own = await openBridge(sluice(), { config: { tokensFile } });
  const ask = async (token: string): Promise<number> =>
    (await fetch(`${own.url}/events`, { headers: { authorization: `Bearer ${token}` } })).status;
  try {
    expect([await ask(SHOP), await ask(AUDITOR)]).toEqual([200, 200]);
    await replace('{"senders": [');
    await waitFor(() => own.logged.some(({ level }) => level === 'error'));
    expect(await ask(SHOP)).toBe(200);
    await replace(JSON.stringify({ senders: [entry('auditor', AUDITOR)] }));
    await waitFor(async () => (await ask(SHOP)) === 401);
    expect(await ask(AUDITOR)).toBe(200);
  } finally {
    await own.stop();
    await rm(directory, { recursive: true });
  }
});
