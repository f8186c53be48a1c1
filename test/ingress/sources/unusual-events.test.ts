/** Unusual events: texts that are not Unicode, large payloads, clocks that disagree, senders that hang up. */
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StartedRun } from '../../../client/index.js';
import type { Json, JsonObject } from '../../../contracts/json.js';
import { useSluice } from '../../support/sluice.js';
import { waitFor } from '../../support/wait-for.js';
import { openBridge, type TestBridge } from '../support/bridge.js';

const sluice = useSluice();
let bridge: TestBridge;
beforeAll(async () => {
  await sluice().publish(WAITER);
  bridge = await openBridge(sluice(), { paths: { '*': ['ref'] } });
});
afterAll(() => bridge.stop());

const WAITER = `
id: odd-waiter
version: 1
payloadSchema: { type: object, properties: { lookbackMs: { type: integer, default: 3600000 } } }
steps:
  - { id: hold, type: event.wait, eventName: HOLD, correlationKey: { $expr: payload.key }, timeoutMs: 60000, when: { $expr: payload.hold } }
  - { id: w, type: event.wait, eventName: ODD, correlationKey: { $expr: payload.key }, timeoutMs: 60000, assign: { vars.got: { $expr: event.payload } } }
result: { $expr: vars.got }
`;

let ids = 0;
const event = (key: string, payload: Json, more: JsonObject = {}): JsonObject => ({
  eventId: `odd-${++ids}`,
  eventName: 'ODD',
  tenantId: sluice().tenant,
  workflow_correlation_key: key,
  payload,
  ...more,
});
const registered = (run: StartedRun, count = 1) =>
  waitFor(async () => {
    const waits = await sluice().projections.reads.listWaits(sluice().tenant, run.runId);
    return waits.filter(({ status }) => status === 'WAITING').length === count;
  });
const explained = async (sent: JsonObject): Promise<JsonObject> => {
  const query = { tenant: sluice().tenant, source: 'plain', id: sent['eventId'] as string };
  return (await bridge.get(query)).body;
};

describe('a text that is not well-formed Unicode', () => {
  it.each([
    ['eventId', { eventId: 'x\ud800' }],
    ['source', { source: 'x\udfff' }],
    ['eventName', { eventName: '\ud83d' }],
    ['workflow_correlation_key', { workflow_correlation_key: 'k\ud800' }],
  ])('a malformed text in %s is refused: two of them would be equal in the database', async (name, more) => {
    expect(await bridge.post(event('k', null, more))).toMatchObject({
      status: 400,
      body: { error: { code: 'EVENT_INVALID', problems: [expect.stringMatching(`^${name}: must be`)] } },
    });
  });

  it('a malformed text in the payload is not a key, and reaches the run unchanged', async () => {
    const payload = { ref: 'r\ud800', text: '\ud800 \u0000 ключ 🗝 e\u0301' };
    const sent = { ...event('', payload), workflow_correlation_key: null };
    expect((await bridge.post(sent)).body).toMatchObject({ outcome: 'UNRESOLVED', resolvedBy: 'none' });
    expect((await explained(sent))['envelope']).toMatchObject({ payload });
    const run = await sluice().start('odd-waiter', { key: 'odd-text', hold: false });
    await registered(run);
    await bridge.post(event('odd-text', payload));
    expect(await sluice().result(run)).toEqual(payload);
  });

  it('unusual keys stay distinct: null bytes, spaces, characters that look the same', async () => {
    const odd = ['a\u0000b', 'a\u0000c', 'a', 'a ', 'é', 'e\u0301', '🗝', '🗝\ufe0f', '1', '01', '\u202ea'];
    for (const eventId of odd) {
      const answer = await bridge.post(event('odd-ids', eventId, { eventId, source: 'odd' }));
      expect([eventId, answer.body['duplicate']]).toEqual([eventId, false]);
    }
    const run = await sluice().start('odd-waiter', { key: 'a\u0000', hold: false });
    await registered(run);
    expect((await bridge.post(event('a', 1))).body).toMatchObject({ runs: [] });
    expect((await bridge.post(event('a\u0000', 2))).body).toMatchObject({ outcome: 'ROUTED' });
    expect(await sluice().result(run)).toBe(2);
  });

  it('a malformed key of a wait fails the step', async () => {
    const run = await sluice().start('odd-waiter', { key: '\ud800', hold: false });
    await expect(sluice().result(run)).rejects.toMatchObject({ code: 'CORRELATION_KEY_INVALID' });
  });
});

describe('events that are larger than the buffer of a run [signals-survive]', () => {
  const SLOW = `
id: large-waiter
version: 1
steps:
  - { id: hold, type: event.wait, eventName: HOLD, correlationKey: { $expr: payload.key }, when: { $expr: payload.hold } }
  - { id: w0, type: event.wait, eventName: ODD, correlationKey: { $expr: payload.key }, assign: { vars.a: { $expr: $length(event.payload) } } }
  - { id: w1, type: event.wait, eventName: ODD, correlationKey: { $expr: payload.key }, assign: { vars.b: { $expr: $length(event.payload) } } }
  - { id: w2, type: event.wait, eventName: ODD, correlationKey: { $expr: payload.key }, assign: { vars.c: { $expr: $length(event.payload) } } }
result: { $expr: '[vars.a, vars.b, vars.c]' }
`;
  const largest = 900_000;
  const sizeOf = async (run: StartedRun): Promise<number> =>
    (await sluice().client.temporal.workflow.getHandle(run.workflowId).describe()).historySize ?? 0;

  it.each([
    ['a wait that is open', false],
    ['waits that open later', true],
  ])('large events for %s arrive whole and in order, once in the history each', async (_, hold) => {
    const key = `large-${hold}`;
    await sluice().publish(SLOW);
    const run = await sluice().start('large-waiter', { key, hold });
    await registered(run);
    const sizes = [largest, 300_000, largest - 1];
    const sent = sizes.map((size) => event(key, 'x'.repeat(size)));
    for (const envelope of sent) expect((await bridge.post(envelope)).status).toBe(202);
    if (hold) await bridge.post(event(key, null, { eventName: 'HOLD' }));
    expect(await sluice().result(run)).toEqual(sizes);
    for (const envelope of sent) {
      const { runs } = await explained(envelope);
      const [{ answers }] = runs as unknown as [{ answers: string[] }];
      expect(answers.slice(-2)).toEqual(['EVENT_RECEIVED', expect.stringMatching('^WAIT_SATISFIED')]);
    }
    expect(await sizeOf(run)).toBeLessThan(2 * largest + 300_000 + 200_000);
  });

  it('a large event that fits no filter stays in its row, and the next one is taken', async () => {
    const run = await sluice().startSource(`
id: large-filter
version: 1
steps:
  - { id: w, type: event.wait, eventName: ODD, correlationKey: large-filter, filters: [{ path: n, op: '=', value: 1 }], assign: { vars.got: { $expr: event.payload.n } } }
result: { $expr: vars.got }
`);
    await registered(run);
    const sent = [0, 1].map((n) => event('large-filter', { n, text: 'x'.repeat(largest) }));
    for (const envelope of sent) expect((await bridge.post(envelope)).status).toBe(202);
    expect(await sluice().result(run)).toBe(1);
    expect(await explained(sent[0] as JsonObject)).toMatchObject({
      runs: [
        { status: 'PENDING', answers: ['EVENT_RECEIVED', 'EVENT_DROPPED (too_large, a later wait gets it)'] },
      ],
    });
    expect(await sizeOf(run)).toBeLessThan(largest + 200_000);
  });

  it('a large event that no wait can hold with what the run holds is an error that can be caught', async () => {
    const run = await sluice().startSource(
      `
id: large-too-much
version: 1
steps:
  - id: t
    type: control.tryCatch
    try:
      - { id: w, type: event.wait, eventName: ODD, correlationKey: large-too-much, assign: { vars.got: { $expr: event.payload } } }
    catchCodes: [STATE_TOO_LARGE]
    catch: [{ id: c, type: transform.assign, assign: { vars.caught: { $expr: error.code } } }]
result: { $expr: vars.caught }
`,
      { text: 'x'.repeat(largest) },
    );
    await registered(run);
    await bridge.post(event('large-too-much', 'x'.repeat(largest)));
    expect(await sluice().result(run)).toBe('STATE_TOO_LARGE');
  });
});

describe('a bridge whose clock is behind', () => {
  it('a bridge whose clock is behind loses no event for an open wait, even one without a look-back', async () => {
    const run = await sluice().startSource(
      `
id: no-lookback
version: 1
steps:
  - { id: w, type: event.wait, eventName: SKEW, correlationKey: skew, lookbackMs: 0, timeoutMs: 20000, assign: { vars.got: { $expr: event.payload } } }
result: { $expr: vars.got }
`,
    );
    await registered(run);
    const receivedAt = new Date(Date.now() - 3_000).toISOString();
    await sluice().signal(run, { eventName: 'SKEW', correlationKey: 'skew', payload: 1, receivedAt });
    expect(await sluice().result(run)).toBe(1);
  });

  it('a bridge whose clock is behind loses no large event, which the run gets from its row', async () => {
    const run = await sluice().start('no-lookback');
    await registered(run);
    const behind = new Date(Date.now() - 3_000);
    const { client, projections } = sluice();
    const slow = await openBridge({
      client,
      projections: {
        ...projections,
        events: {
          ...projections.events,
          record: (arrived) => projections.events.record({ ...arrived, receivedAt: behind }),
        },
      },
    });
    await slow.post(event('skew', 'x'.repeat(300_000), { eventName: 'SKEW' }));
    expect(await sluice().result(run)).toHaveLength(300_000);
    await slow.stop();
  });

  it('an event from long before does not satisfy a wait without a look-back', async () => {
    const run = await sluice().start('no-lookback');
    await registered(run);
    const long = new Date(Date.now() - 60_000).toISOString();
    await sluice().signal(run, { eventName: 'SKEW', correlationKey: 'skew', payload: 1, receivedAt: long });
    await sluice().signal(run, { eventName: 'SKEW', correlationKey: 'skew', payload: 2 });
    expect(await sluice().result(run)).toBe(2);
  });
});

describe('a sender', () => {
  it('a sender that hangs up in the middle of an event causes no error, and nothing is recorded', async () => {
    const { hostname, port } = new URL(bridge.url);
    const before = bridge.logged.length;
    const text = JSON.stringify(event('hung', 1));
    const sending = httpRequest({
      ...{ hostname, port, path: '/events', method: 'POST' },
      headers: { 'content-type': 'application/json', 'content-length': text.length },
    });
    sending.on('error', () => undefined);
    sending.write(text.slice(0, 20));
    await waitFor(
      async () => ((await (await fetch(`${bridge.url}/health`)).json()) as JsonObject)['inFlight'] === 1,
    );
    sending.destroy();
    await waitFor(
      async () => ((await (await fetch(`${bridge.url}/health`)).json()) as JsonObject)['inFlight'] === 0,
    );
    expect(bridge.logged.slice(before)).toEqual([]);
  });

  it.each(['//', '/%', '/events?limit=x&after=%00', 'http://[/', '*'])(
    'a sender that asks for %s gets an answer of the 400s',
    async (path) => {
      const { hostname, port } = new URL(bridge.url);
      const socket = connect(Number(port), hostname);
      socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
      let answer = '';
      socket.on('data', (data) => (answer += String(data)));
      await once(socket, 'close');
      expect(answer.split('\r\n')[0]).toMatch(/^HTTP\/1\.1 (4\d\d|200)/);
    },
  );
});
