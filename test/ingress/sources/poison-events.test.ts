/**
 * Events that cannot be routed: each gets its coded outcome, from both sources, and the next event is routed.
 */
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isJsonObject, type JsonObject } from '../../../contracts/json.js';
import { useSluice } from '../../support/sluice.js';
import { waitFor } from '../../support/wait-for.js';
import { openBridge, type TestBridge } from '../support/bridge.js';
import { RedisServer } from '../../support/servers/redis-server.js';
import { needs } from '../../support/requirements.js';

const sluice = useSluice();
const deep = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;
const good = (more: JsonObject = {}): JsonObject => ({
  eventId: 'e',
  eventName: 'X',
  tenantId: sluice().tenant,
  ...more,
});
const POISON: readonly {
  readonly what: string;
  readonly body: () => Buffer;
  readonly code: string;
  readonly status: number;
}[] = [
  { what: 'not JSON', body: () => Buffer.from('{"eventId":'), code: 'EVENT_INVALID', status: 400 },
  {
    what: 'not UTF-8',
    body: () => Buffer.concat([Buffer.from('{"eventId":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
    code: 'EVENT_INVALID',
    status: 400,
  },
  { what: 'a list', body: () => Buffer.from('[]'), code: 'EVENT_INVALID', status: 400 },
  { what: 'null', body: () => Buffer.from('null'), code: 'EVENT_INVALID', status: 400 },
  {
    what: '5 MiB large',
    body: () => Buffer.from(JSON.stringify(good({ payload: 'x'.repeat(5 * 1024 * 1024) }))),
    code: 'EVENT_TOO_LARGE',
    status: 413,
  },
  {
    what: 'of wrong types',
    body: () =>
      Buffer.from(
        JSON.stringify({
          eventId: 5,
          eventName: {},
          tenantId: sluice().tenant,
          time: 'noon',
          workflow_correlation_key: [],
        }),
      ),
    code: 'EVENT_INVALID',
    status: 400,
  },
  {
    what: 'of an unknown tenant',
    body: () => Buffer.from(JSON.stringify({ ...good(), tenantId: 'unknown' })),
    code: 'TENANT_UNKNOWN',
    status: 404,
  },
  {
    what: 'of an invalid tenant',
    body: () => Buffer.from(JSON.stringify({ ...good(), tenantId: '../x' })),
    code: 'EVENT_INVALID',
    status: 400,
  },
  {
    what: '600 levels deep',
    body: () => Buffer.from(`{"eventId":"e","eventName":"X","payload":${deep(600)}}`),
    code: 'EVENT_INVALID',
    status: 400,
  },
  { what: '400,000 levels deep', body: () => Buffer.from(deep(400_000)), code: 'EVENT_INVALID', status: 400 },
  {
    what: 'one with a key named __proto__',
    body: () =>
      Buffer.from('{"eventId":"e","eventName":"X","payload":{"a":{"__proto__":{"polluted":true}}}}'),
    code: 'EVENT_INVALID',
    status: 400,
  },
  {
    what: 'one with a key over 2^53',
    body: () => Buffer.from('{"eventId":"e","eventName":"X","workflow_correlation_key":9007199254740993}'),
    code: 'EVENT_INVALID',
    status: 400,
  },
  {
    what: 'one with a number that is not finite',
    body: () => Buffer.from('{"eventId":"e","eventName":"X","payload":{"amount":1e400}}'),
    code: 'EVENT_INVALID',
    status: 400,
  },
];

describe('poison', needs('redis'), () => {
  let redis: RedisServer;
  let bus: Redis;
  let bridge: TestBridge;
  beforeAll(async () => {
    redis = await RedisServer.start();
    bus = redis.connect();
    await sluice().publish('{id: any, version: 1, steps: []}');
    bridge = await openBridge(sluice(), { redisUrl: redis.url });
  });
  afterAll(async () => {
    await bridge.stop();
    bus.disconnect();
    await redis.remove();
  });

  it.each(POISON)(
    'an event that is $what gets its coded answer over HTTP',
    async ({ body, code, status }) => {
      const answer = await bridge.post(body());
      expect(answer).toMatchObject({ status, body: { error: { code } } });
    },
  );

  it('all problems of an event are reported at once, alone and in a batch', async () => {
    const wrong = { eventId: 5, time: 'noon', workflow_correlation_key: [] };
    const { body } = await bridge.post(Buffer.from(JSON.stringify(wrong)));
    expect((body['error'] as JsonObject)['problems']).toHaveLength(4);
    const batch = [good({ eventId: 'in-a-batch' }), wrong];
    const answer = await bridge.post(Buffer.from(JSON.stringify(batch)), {
      'content-type': 'application/cloudevents-batch+json',
    });
    expect(answer.status).toBe(207);
    const [taken, refused] = answer.body as unknown as readonly JsonObject[];
    expect(taken).toMatchObject({ status: 202, id: 'in-a-batch' });
    expect((refused?.['error'] as JsonObject)['problems']).toHaveLength(4);
  });

  it('another event under an id that is taken becomes a dead letter that can only be dismissed', async () => {
    const send = (payload: string) =>
      bus.xadd(bridge.stream, '*', 'event', JSON.stringify(good({ eventId: 'taken', payload })));
    await send('first');
    await waitFor(async () => {
      const { body } = await bridge.get({ tenant: sluice().tenant, source: 'plain', id: 'taken' });
      return body['outcome'] === 'UNRESOLVED';
    });
    await send('second');
    const { deadLetters } = sluice().projections;
    const letter = await waitFor(async () => (await deadLetters.list(sluice().tenant)).items[0]);
    expect(letter).toMatchObject({ errorCode: 'EVENT_CONFLICT', canRetry: false });
    await deadLetters.move(sluice().tenant, letter.id, {
      from: ['OPEN'],
      to: 'DISMISSED',
      act: { at: new Date().toISOString(), actor: 'test', act: 'dismiss', note: null },
    });
  });

  it('an event of the stream that cannot be routed becomes a dead letter with its raw bytes, and the stream goes on', async () => {
    const places = new Map<string, (typeof POISON)[number]>();
    for (const poison of POISON) {
      const id = await bus.xadd(bridge.stream, '*', 'event', poison.body());
      places.set(`${bridge.stream}/${String(id)}`, poison);
    }
    const two = await bus.xadd(
      bridge.stream,
      '*',
      ...[1, 2].flatMap((n) => ['event', JSON.stringify(good({ eventId: `two-${n}` }))]),
    );
    const noField = await bus.xadd(bridge.stream, '*', 'other', 'x');
    await bus.xadd(bridge.stream, '*', 'event', JSON.stringify(good({ eventId: 'after' })));
    await waitFor(async () => {
      const { body } = await bridge.get({ tenant: sluice().tenant, source: 'plain', id: 'after' });
      return body['outcome'] === 'UNRESOLVED';
    });
    await waitFor(async () => (await bus.xpending(bridge.stream, 'sluice'))[0] === 0);
    const letters = [];
    for (const tenant of ['default', 'unknown', sluice().tenant]) {
      letters.push(
        ...(await sluice().projections.deadLetters.list(tenant, { status: 'OPEN' }, { limit: 100 })).items,
      );
    }
    expect(letters).toHaveLength(POISON.length + 2);
    for (const [place, { what, code }] of places) {
      expect(letters.find(({ subject }) => subject === place)?.errorCode, what).toBe(code);
    }
    const first = letters.find(({ subject }) => subject === [...places.keys()][1]);
    const letter = await sluice().projections.deadLetters.get('default', first?.id ?? '');
    const kept: unknown = JSON.parse(letter?.body ?? '{}');
    const fields = isJsonObject(kept) ? (kept['fields'] as string[]) : [];
    expect(Buffer.from(fields[1] ?? '', 'base64')).toEqual(POISON[1]?.body());
    expect(letters.map(({ subject }) => subject)).toContain(`${bridge.stream}/${String(noField)}`);
    // Two events in one entry: neither is taken for the other.
    expect(letters.find(({ subject }) => subject === `${bridge.stream}/${String(two)}`)?.reason).toContain(
      '2 fields',
    );
  });

  it('a message that only takes long comes no closer to a dead letter', async () => {
    const { client, projections } = sluice();
    const { events } = projections;
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const record: typeof events.record = async (arrived) => {
      if (arrived.event.id === 'slow') await held;
      return events.record(arrived);
    };
    const slow = await openBridge(
      { client, projections: { ...projections, events: { ...events, record } } },
      { redisUrl: redis.url, config: { claimMs: 100 } },
    );
    const send = (eventId: string) =>
      bus.xadd(slow.stream, '*', 'event', JSON.stringify(good({ eventId, eventName: eventId })));
    const pendingOf = async (count: number) =>
      (await bus.xpending(slow.stream, 'sluice', '-', '+', count)) as [string, string, number, number][];
    try {
      await send('slow');
      const [[id] = []] = await waitFor(async () => {
        const pending = await pendingOf(1);
        return pending.length > 0 && pending;
      });
      const only = () => waitFor(async () => (await pendingOf(10)).length === 1);
      for (const eventId of ['first', 'second', 'third']) {
        const message = await send(eventId);
        await waitFor(
          async () =>
            (await slow.get({ tenant: sluice().tenant, source: 'plain', id: eventId })).status === 200,
        );
        await only();
        // As if its consumer had died. Once it is claimed, a round of claims has passed.
        await bus.xclaim(slow.stream, 'sluice', 'dead', 0, String(message), 'FORCE', 'JUSTID');
        await only();
      }
      expect((await pendingOf(10)).map(([message, , , deliveries]) => [message, deliveries])).toEqual([
        [id, 1],
      ]);
      release();
      await waitFor(async () => (await pendingOf(1)).length === 0);
    } finally {
      release();
      await slow.stop();
    }
  });
});
