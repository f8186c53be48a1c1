/** From an event to its effect, through the HTTP source. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../../contracts/json.js';
import { useSluice } from '../../support/sluice.js';
import { waitFor } from '../../support/wait-for.js';
import { openBridge, type TestBridge } from '../support/bridge.js';

const sluice = useSluice();
let bridge: TestBridge;
beforeAll(async () => {
  await sluice().publish(WAITER);
  bridge = await openBridge(sluice(), { paths: { ORDER_PLACED: ['orderId'] } });
});
afterAll(() => bridge.stop());

const WAITER = `
id: waiter
version: 1
steps:
  - { id: w, type: event.wait, eventName: PAID, correlationKey: { $expr: payload.key }, timeoutMs: 60000, assign: { vars.got: { $expr: event.payload } } }
result: { $expr: vars.got }
`;

const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '');
let ids = 0;
const event = (more: JsonObject): JsonObject => ({
  eventId: `e-${++ids}`,
  eventName: 'PAID',
  tenantId: sluice().tenant,
  ...more,
});
const explained = async (sent: JsonObject): Promise<JsonObject> => {
  const query = {
    tenant: sluice().tenant,
    source: textOf(sent['source'] ?? 'plain'),
    id: textOf(sent['eventId']),
  };
  return (await bridge.get(query)).body;
};

describe('another event under the id of one that was accepted', () => {
  const first = {
    eventName: 'PAID',
    workflow_correlation_key: 7,
    payload: { a: 1, b: [0, { c: null, d: 0.1 }] },
  };

  it.each([
    ['name', { ...first, eventName: 'REFUNDED' }],
    ['key', { ...first, workflow_correlation_key: 8 }],
    ['payload', { ...first, payload: { ...first.payload, a: 2 } }],
    ['payload', { ...first, payload: { a: 1, b: [{ c: null, d: 0.1 }, 0] } }],
    ['payload', { ...first, payload: { ...first.payload, c: null } }],
  ])(
    'another event with another %s is refused, audited and counted, and the first one stands',
    async (what, other) => {
      const sent = event(first);
      await bridge.post(sent);
      const answer = await bridge.post({
        ...other,
        eventId: sent['eventId'] ?? '',
        tenantId: sluice().tenant,
      });
      expect(answer).toMatchObject({ status: 409, body: { error: { code: 'EVENT_CONFLICT' } } });
      expect(await explained(sent)).toMatchObject({
        envelope: first,
        conflicts: { count: 1, last: [{ via: 'http', differs: [what] }] },
      });
      const metrics = await (await fetch(`${bridge.url}/metrics`)).text();
      expect(metrics).toMatch(/^sluice_bridge_event_conflicts_total\{via="http"\} [1-9]/m);
    },
  );

  it('the same event in another writing is a repetition', async () => {
    const sent = event({ ...first, payload: { zero: 0, list: [1, 2.5], text: 'é' } });
    await bridge.post(sent);
    const { eventId, tenantId } = sent;
    const again = Buffer.from(
      `{"payload":{"text":"\\u00e9","list":[1.0,25e-1],"zero":-0},"time":"2026-01-02T03:04:05Z","workflow_correlation_key":"7",
        "tenantId":${JSON.stringify(tenantId)},"eventName":"PAID","eventId":${JSON.stringify(eventId)}}`,
    );
    expect(await bridge.post(again)).toMatchObject({ status: 202, body: { duplicate: true } });
    const cloud = {
      specversion: '1.0',
      id: eventId ?? '',
      source: 'plain',
      type: 'PAID',
      tenantid: tenantId ?? '',
    };
    const asCloud = { ...cloud, workflowcorrelationkey: 7, data: sent['payload'] ?? null };
    expect(await bridge.post(asCloud)).toMatchObject({ status: 202, body: { duplicate: true } });
    expect(await explained(sent)).toMatchObject({ conflicts: { count: 0, last: [] } });
  });
});

describe('an event that a run waits for', () => {
  it('an event that a run waits for reaches it once, however often it is sent', async () => {
    const run = await sluice().start('waiter', { key: 'o-1' });
    await waitFor(
      async () => (await sluice().projections.reads.listWaits(sluice().tenant, run.runId)).length === 1,
    );
    const sent = event({ workflow_correlation_key: 'o-1', payload: { cents: 5 } });
    const first = await bridge.post(sent);
    expect(first).toMatchObject({
      status: 202,
      body: {
        outcome: 'ROUTED',
        duplicate: false,
        correlationKey: 'o-1',
        resolvedBy: 'explicit:event.workflow_correlation_key',
        runs: [{ workflowId: run.workflowId, runId: run.runId, status: 'SIGNALED' }],
      },
    });
    expect(await sluice().result(run)).toEqual({ cents: 5 });
    const second = await bridge.post(sent);
    expect(second.body).toEqual({ ...first.body, duplicate: true });
    const audit = await explained(sent);
    expect(audit['runs']).toMatchObject([
      {
        runId: run.runId,
        waits: [{ place: 'steps[0]', status: 'SATISFIED', failedFilters: [] }],
        answers: ['EVENT_RECEIVED', 'WAIT_SATISFIED at steps[0]'],
      },
    ]);
  });

  it('an event that precedes its wait is sent when the wait opens [early-events-wait]', async () => {
    const run = await sluice().startSource(
      `
id: late-waiter
version: 1
steps:
  - { id: first, type: event.wait, eventName: GO, correlationKey: { $expr: payload.key } }
  - { id: w, type: event.wait, eventName: PAID, correlationKey: { $expr: payload.key }, assign: { vars.got: { $expr: event.payload } } }
result: { $expr: vars.got }
`,
      { key: 'o-2' },
    );
    await sluice().waiting(run);
    const sent = event({ workflow_correlation_key: 'o-2', payload: 'early' });
    expect((await bridge.post(sent)).body).toMatchObject({ outcome: 'NO_MATCH', runs: [] });
    await bridge.post(event({ eventName: 'GO', workflow_correlation_key: 'o-2' }));
    expect(await sluice().result(run)).toBe('early');
    const audit = await waitFor(async () => {
      const now = await explained(sent);
      return now['outcome'] === 'ROUTED' ? now : undefined;
    });
    expect(audit['runs']).toMatchObject([{ foundBy: 'lookback', status: 'SIGNALED', runId: run.runId }]);
  });

  it('a wait whose filters refuse an event stays open, and the audit row names the filters', async () => {
    const run = await sluice().startSource(
      `
id: picky
version: 1
steps:
  - id: w
    type: event.wait
    eventName: PAID
    correlationKey: { $expr: payload.key }
    filters: [{ path: cents, op: '>', value: 10 }]
    assign: { vars.got: { $expr: event.payload.cents } }
result: { $expr: vars.got }
`,
      { key: 'o-3' },
    );
    await waitFor(
      async () => (await sluice().projections.reads.listWaits(sluice().tenant, run.runId)).length === 1,
    );
    const low = event({ workflow_correlation_key: 'o-3', payload: { cents: 5 } });
    await bridge.post(low);
    await bridge.post(event({ workflow_correlation_key: 'o-3', payload: { cents: 50 } }));
    expect(await sluice().result(run)).toBe(50);
    expect((await explained(low))['runs']).toMatchObject([
      { waits: [{ failedFilters: ['cents > 10'] }], answers: ['EVENT_RECEIVED'] },
    ]);
  });

  it('an event for a run that has ended has an outcome, not an error', async () => {
    const run = await sluice().start('waiter', { key: 'o-4' });
    await waitFor(
      async () => (await sluice().projections.reads.listWaits(sluice().tenant, run.runId)).length === 1,
    );
    await sluice().client.terminate(run.workflowId);
    const answer = await bridge.post(event({ workflow_correlation_key: 'o-4' }));
    expect(answer).toMatchObject({
      status: 202,
      body: { outcome: 'FAILED', runs: [{ status: 'RUN_CLOSED' }], error: { code: 'RUN_CLOSED' } },
    });
  });
});

describe('an event without a key', () => {
  it('an event without a key reaches no wait, and its row names the places that were tried', async () => {
    const sent = event({ eventName: 'ORDER_PLACED', payload: { orderId: '  ' } });
    const answer = await bridge.post(sent);
    expect(answer).toMatchObject({
      status: 202,
      body: { outcome: 'UNRESOLVED', resolvedBy: 'none', correlationKey: null },
    });
    expect(answer.body['error']).toMatchObject({
      code: 'CORRELATION_UNRESOLVED',
      tried: [
        'explicit:event.workflow_correlation_key',
        'explicit:payload.workflowCorrelationKey',
        'explicit:payload.correlationKey',
        'derived:ORDER_PLACED:orderId',
      ],
    });
  });
});

describe('a wait that no event could satisfy', () => {
  const COMPARES = `
id: compares
version: 1
steps:
  - { id: w, type: event.wait, eventName: PAID, correlationKey: { $expr: payload.key }, filters: [{ path: amount, op: '>=', value: { $expr: payload.mn } }] }
`;

  it.each([
    ['undefined', { key: 'u-1', min: 5 }, 'EXPRESSION_UNDEFINED'],
    ['null', { key: 'u-2', mn: null }, 'FILTER_VALUE_INVALID'],
  ])(
    'a wait with the filter value %s fails at once, and the bridge has no wait of it',
    async (_, payload, code) => {
      const run = await sluice().startSource(COMPARES, payload);
      await expect(sluice().result(run)).rejects.toMatchObject({ code });
      const answer = await bridge.post(
        event({ workflow_correlation_key: payload.key, payload: { amount: 9 } }),
      );
      expect(answer.body).toMatchObject({ outcome: 'NO_MATCH', runs: [] });
    },
  );
});

describe('an event without a key that triggers know', () => {
  it('an event of whose triggers one starts a run and one fails shows the error of the trigger, and not the lack of a key', async () => {
    const knows = (id: string, filter: string) =>
      `{id: ${id}, version: 1, triggers: [{type: event, eventName: KEYLESS, filter: {$expr: '${filter}'}}], steps: []}`;
    await sluice().publish(knows('keyless-starts', 'true'));
    await sluice().publish(knows('keyless-fails', '$number("x") = 1'));
    const { body } = await bridge.post(event({ eventName: 'KEYLESS' }));
    expect(body).toMatchObject({ outcome: 'ROUTED', correlationKey: null });
    expect(body['triggers']).toMatchObject([{ status: 'FAILED' }, { status: 'STARTED' }]);
    const [failed] = body['triggers'] as readonly JsonObject[];
    expect(body['error']).toEqual(failed?.['error']);
  });
});

describe('a wait without a key', () => {
  const KEYLESS = `
id: keyless
version: 1
steps:
  - id: both
    type: control.parallel
    branches:
      keyed: [{ id: k, type: event.wait, eventName: PAID, correlationKey: { $expr: payload.key }, filters: [{ path: final, op: exists }] }]
      any: [{ id: any, type: event.wait, eventName: PAID, assign: { vars.got: { $expr: event.payload.by } } }]
result: { $expr: vars.got }
`;

  it('a wait without a key takes what the bridge sends its run for another wait, and what a Temporal client sends', async () => {
    const [first, second] = [
      await sluice().startSource(KEYLESS, { key: 'any-1' }),
      await sluice().start('keyless', { key: 'any-2' }),
    ];
    await sluice().waiting(first, 2);
    await sluice().waiting(second, 2);
    // The bridge looks for no wait without a key: it knows of no run for this one.
    const of = (key: string, payload: JsonObject) => event({ workflow_correlation_key: key, payload });
    expect((await bridge.post(of('any-3', { by: 'other' }))).body).toMatchObject({ outcome: 'NO_MATCH' });
    await bridge.post(of('any-1', { by: 'bridge' }));
    await sluice().signal(second, { eventName: 'PAID', correlationKey: 'other', payload: { by: 'client' } });
    for (const key of ['any-1', 'any-2']) await bridge.post(of(key, { by: 'last', final: true }));
    expect([await sluice().result(first), await sluice().result(second)]).toEqual(['bridge', 'client']);
  });
});

describe('triggers', () => {
  it('triggers start one run for each definition whose filter holds, and none at a redelivery', async () => {
    const trigger = (id: string, filter: string, payload = ''): string => `
id: ${id}
version: 1
payloadSchema: { type: object, required: [orderId], properties: { orderId: { type: string } } }
triggers:
  - { type: event, eventName: ORDER_PLACED, filter: { $expr: "${filter}" }${payload} }
steps: []
result: { $expr: '{"order": payload.orderId, "by": meta.trigger.id}' }
`;
    await sluice().publish(
      trigger(
        'on-order',
        'event.payload.total > 0',
        ', payload: { orderId: { $expr: event.payload.orderId } }',
      ),
    );
    await sluice().publish(trigger('on-big-order', 'event.payload.total > 1000'));
    await sluice().publish(
      trigger('on-any-order', '1 = 1', ', payload: { orderId: { $expr: event.payload.total } }'),
    );
    const sent = event({ eventName: 'ORDER_PLACED', payload: { orderId: 'o-9', total: 7 } });
    const { body } = await bridge.post(sent);
    expect(body).toMatchObject({
      outcome: 'ROUTED',
      correlationKey: 'o-9',
      resolvedBy: 'derived:ORDER_PLACED:orderId',
    });
    const triggers = body['triggers'] as readonly JsonObject[];
    expect(
      triggers.map(({ definition, status, error }) => [
        definition,
        status,
        (error as JsonObject | null)?.['code'],
      ]),
    ).toEqual([
      ['on-any-order', 'FAILED', 'PAYLOAD_INVALID'],
      ['on-big-order', 'FILTERED', undefined],
      ['on-order', 'STARTED', undefined],
    ]);
    const started = textOf(triggers[2]?.['workflowId']);
    expect(await sluice().client.result(started)).toEqual({ order: 'o-9', by: sent['eventId'] as Json });
    expect((await bridge.post(sent)).body).toEqual({ ...body, duplicate: true });
  });

  it('triggers are those of the latest version, and end when the definition is unpublished', async () => {
    const source = (version: number, name: string): string =>
      `{id: moving, version: ${version}, triggers: [{type: event, eventName: ${name}}], steps: []}`;
    const fired = async (eventName: string): Promise<readonly Json[]> => {
      const { body } = await bridge.post(event({ eventName }));
      return (body['triggers'] as readonly JsonObject[]).map((trigger) => trigger['version'] as Json);
    };
    await sluice().publish(source(1, 'M1'));
    expect(await fired('M1')).toEqual([1]);
    await sluice().publish(source(2, 'M2'));
    expect([await fired('M1'), await fired('M2')]).toEqual([[], [2]]);
    await sluice().publish(source(1, 'M1'));
    expect([await fired('M1'), await fired('M2')]).toEqual([[], [2]]);
    await sluice().client.unpublishDefinition('moving');
    expect(await fired('M2')).toEqual([]);
    await expect(sluice().client.unpublishDefinition('moving')).rejects.toMatchObject({
      code: 'DEFINITION_NOT_FOUND',
    });
  });
});
