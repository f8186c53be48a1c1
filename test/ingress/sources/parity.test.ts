/** Every case through both sources: the same audit row, the same effect. */
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isJsonObject, type Json, type JsonObject } from '../../../contracts/json.js';
import { useSluice } from '../../support/sluice.js';
import { waitFor } from '../../support/wait-for.js';
import { openBridge, type TestBridge } from '../support/bridge.js';
import { RedisServer } from '../../support/servers/redis-server.js';
import { needs } from '../../support/requirements.js';

const sluice = useSluice();
const TEN_KB = 'k'.repeat(10_240);
const PATHS = { PARITY: ['order.id', 'orderId'], '*': ['ticketId'] };

interface Case {
  readonly what: string;
  /** Without id and tenant. */
  readonly event: JsonObject;
  readonly key: string | null;
  readonly by: string;
}

const plain = (more: JsonObject): JsonObject => ({ eventName: 'PARITY', ...more });
const ENVELOPE = 'explicit:event.workflow_correlation_key';
const CASES: readonly Case[] = [
  {
    what: 'a key in the envelope',
    event: plain({ workflow_correlation_key: 'k-1', payload: { correlationKey: 'no' } }),
    key: 'k-1',
    by: ENVELOPE,
  },
  {
    what: 'a key in a CloudEvent',
    event: {
      specversion: '1.0',
      type: 'PARITY',
      source: '/shop',
      workflowcorrelationkey: 'k-2',
      data: { a: 1 },
    },
    key: 'k-2',
    by: ENVELOPE,
  },
  {
    what: 'payload.workflowCorrelationKey',
    event: plain({ payload: { workflowCorrelationKey: 'k-3', correlationKey: 'no', orderId: 'no' } }),
    key: 'k-3',
    by: 'explicit:payload.workflowCorrelationKey',
  },
  {
    what: 'payload.correlationKey',
    event: plain({ payload: { correlationKey: 'k-4', orderId: 'no' } }),
    key: 'k-4',
    by: 'explicit:payload.correlationKey',
  },
  {
    what: 'the first path of its name',
    event: plain({ payload: { order: { id: 'k-5' }, orderId: 'no', ticketId: 'no' } }),
    key: 'k-5',
    by: 'derived:PARITY:order.id',
  },
  {
    what: 'the second path of its name',
    event: plain({ payload: { orderId: 'k-6', ticketId: 'no' } }),
    key: 'k-6',
    by: 'derived:PARITY:orderId',
  },
  {
    what: 'a path of the wildcard',
    event: plain({ payload: { ticketId: 'k-7' } }),
    key: 'k-7',
    by: 'derived:*:ticketId',
  },
  { what: 'no key at all', event: plain({ payload: { other: 'x' } }), key: null, by: 'none' },
  {
    what: 'a payload that is not an object',
    event: plain({ payload: ['correlationKey'] }),
    key: null,
    by: 'none',
  },
  { what: 'a key that is a number', event: plain({ workflow_correlation_key: 42 }), key: '42', by: ENVELOPE },
  {
    what: 'a derived key that is a number',
    event: plain({ payload: { orderId: 4.5 } }),
    key: '4.5',
    by: 'derived:PARITY:orderId',
  },
  {
    what: 'an empty key',
    event: plain({ workflow_correlation_key: '', payload: { orderId: 'k-8' } }),
    key: 'k-8',
    by: 'derived:PARITY:orderId',
  },
  {
    what: 'a blank key',
    event: plain({ workflow_correlation_key: ' \t\n', payload: { correlationKey: '  ' } }),
    key: null,
    by: 'none',
  },
  { what: 'a key of 10 KB', event: plain({ workflow_correlation_key: TEN_KB }), key: TEN_KB, by: ENVELOPE },
  {
    what: 'a derived key of more than 10 KB',
    event: plain({ payload: { orderId: `${TEN_KB}x` } }),
    key: null,
    by: 'none',
  },
  {
    what: 'a derived key that is a boolean or an object',
    event: plain({ payload: { orderId: true, order: { id: {} } } }),
    key: null,
    by: 'none',
  },
  {
    what: 'a key with quotes and other scripts',
    event: plain({ workflow_correlation_key: `'; DELETE wait; -- “ключ” 🗝` }),
    key: `'; DELETE wait; -- “ключ” 🗝`,
    by: ENVELOPE,
  },
];

const WAITER = `
id: parity-waiter
version: 1
steps:
  - { id: w, type: event.wait, eventName: PARITY, correlationKey: { $expr: payload.key }, assign: { vars.got: { $expr: event.payload } } }
result: { $expr: vars.got }
`;

describe('an event through HTTP and through the stream', needs('redis'), () => {
  let redis: RedisServer;
  let bus: Redis;
  let bridge: TestBridge;
  const streamTenant = () => `${sluice().tenant}-s`;
  beforeAll(async () => {
    redis = await RedisServer.start();
    bus = redis.connect();
    for (const tenant of [sluice().tenant, streamTenant()]) {
      await sluice().client.publishDefinition(WAITER, { tenant });
    }
    bridge = await openBridge(sluice(), { redisUrl: redis.url, paths: PATHS });
  });
  afterAll(async () => {
    await bridge.stop();
    bus.disconnect();
    await redis.remove();
  });

  const ways = {
    http: async (event: JsonObject) => {
      const cloud = event['specversion'] !== undefined;
      const answer = await bridge.post(
        event,
        cloud ? { 'content-type': 'application/cloudevents+json' } : {},
      );
      expect(answer.status).toBe(202);
    },
    stream: async (event: JsonObject) =>
      void (await bus.xadd(bridge.stream, '*', 'event', JSON.stringify(event))),
  };

  /** The audit row and the effect in the run, without what two events cannot have in common. */
  async function effect(way: keyof typeof ways, { event, key }: Case, id: string): Promise<JsonObject> {
    const tenant = way === 'http' ? sluice().tenant : streamTenant();
    const cloud = event['specversion'] !== undefined;
    const run = await sluice().start('parity-waiter', { key: key ?? 'no-event' }, { tenant });
    await waitFor(async () => (await sluice().projections.reads.listWaits(tenant, run.runId)).length === 1);
    await ways[way]({ ...event, ...(cloud ? { id, tenantid: tenant } : { eventId: id, tenantId: tenant }) });
    const query = { tenant, source: cloud ? (event['source'] as string) : 'plain', id };
    const settled = async () => {
      const { body } = await bridge.get(query);
      const runs = (body['runs'] ?? []) as readonly JsonObject[];
      const open = typeof body['outcome'] !== 'string' || runs.some(({ status }) => status === 'PENDING');
      return open ? undefined : body;
    };
    await waitFor(settled);
    const result = key === null ? null : await sluice().result(run);
    // Read once the run has ended: what a delivery says may still change while the run takes the event.
    const row = await waitFor(settled);
    const { via, runs, envelope, ...others } = row;
    const rest = Object.fromEntries(Object.entries(others).filter(([name]) => !name.endsWith('At')));
    expect(via).toBe(way);
    const shown = (runs as readonly JsonObject[]).map(
      // Who finds it first, the bridge or the wait's own look-back, is a race that both may win.
      ({ runId: _run, workflowId: _id, answers: _answers, foundBy: _first, ...delivery }) => ({
        ...delivery,
        waits: (delivery['waits'] as readonly JsonObject[]).map(({ place }) => place as Json),
      }),
    );
    const sent = isJsonObject(envelope)
      ? Object.fromEntries(Object.entries(envelope).filter(([name]) => !/tenant/i.test(name)))
      : {};
    return { ...rest, runs: shown, envelope: sent, result };
  }

  it.each(CASES)('$what has the same effect through both sources', async (testCase) => {
    const id = randomUUID();
    const [http, stream] = [await effect('http', testCase, id), await effect('stream', testCase, id)];
    expect(stream).toEqual(http);
    expect(http).toMatchObject({
      correlationKey: testCase.key,
      resolvedBy: testCase.by,
      outcome: testCase.key === null ? 'UNRESOLVED' : 'ROUTED',
    });
    expect((http['tried'] as string[]).at(-1)).toBe(
      testCase.key === null ? 'derived:*:ticketId' : testCase.by,
    );
    expect(http['runs']).toHaveLength(testCase.key === null ? 0 : 1);
  });
});
