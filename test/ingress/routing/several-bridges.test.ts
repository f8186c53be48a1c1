/** Several bridges on one stream and one database, and the work that a dead bridge leaves to the others. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Redis } from 'ioredis';
import { useSluice, withSluice } from '../../support/sluice.js';
import { waitFor } from '../../support/wait-for.js';
import { openBridge, type TestBridge } from '../support/bridge.js';
import { RedisServer } from '../../support/servers/redis-server.js';
import { needs } from '../../support/requirements.js';

const EVENTS = 120;
const EACH = `
id: each-once
version: 1
steps:
  - id: each
    type: control.forEach
    items: { $expr: payload.keys }
    concurrency: 50
    body:
      - { id: w, type: event.wait, eventName: SHARED, correlationKey: { $expr: item }, assign: { vars.got: { $expr: event.payload } } }
    collect: { $expr: vars.got }
    saveAs: vars.all
result: { $expr: vars.all }
`;

describe('two bridges on one stream', needs('redis'), () => {
  const sluice = useSluice();
  let redis: RedisServer;
  let bus: Redis;
  let bridges: readonly TestBridge[];
  const stream = 'shared';
  beforeAll(async () => {
    redis = await RedisServer.start();
    bus = redis.connect();
    await sluice().publish(EACH);
    const options = { redisUrl: redis.url, config: { stream, inFlight: 8 } };
    bridges = [await openBridge(sluice(), options), await openBridge(sluice(), options)];
  });
  afterAll(async () => {
    for (const bridge of bridges) await bridge.stop();
    bus.disconnect();
    await redis.remove();
  });

  it('two bridges share the events of a stream; none is lost or handled twice, even where both get one', async () => {
    const keys = Array.from({ length: EVENTS }, (_, n) => `shared-${n}`);
    const run = await sluice().start('each-once', { keys });
    // Half of them precede the wait: each twice, once back to back and once far apart.
    for (const twice of [0, 1]) {
      for (const n of keys.keys()) {
        const about = { eventId: `s-${n}`, eventName: 'SHARED', tenantId: sluice().tenant };
        const text = JSON.stringify({ ...about, workflow_correlation_key: `shared-${n}`, payload: n });
        await bus.xadd(stream, '*', 'event', text);
        if (n % 10 === twice) await bus.xadd(stream, '*', 'event', text);
      }
    }
    expect(await sluice().result(run)).toEqual([...keys.keys()]);
    await waitFor(async () => (await bus.xpending(stream, 'sluice'))[0] === 0);
    const ids: string[] = [];
    for (let after: string | undefined; ;) {
      const { reads } = sluice().projections;
      const page = await reads.listEvents(sluice().tenant, run.runId, { limit: 500, after });
      ids.push(
        ...page.items.flatMap((event) => (event.type === 'EVENT_RECEIVED' ? [event.data.eventId] : [])),
      );
      if (page.next === null) break;
      after = page.next;
    }
    expect(new Set(ids).size).toBe(EVENTS);
    expect(ids).toHaveLength(EVENTS);
    const consumers = (await bus.xinfo('CONSUMERS', stream, 'sluice')) as readonly unknown[];
    expect(consumers).toHaveLength(2);
    expect((await sluice().projections.events.unfinished(new Date(Date.now() + 1_000), 10)).items).toEqual(
      [],
    );
    expect(bridges.flatMap(({ logged }) => logged)).toEqual([]);
  });
});

/** A busy machine routes twenty messages in a second. */
const BACKLOG_MS = 180_000;

describe('messages that a dead consumer had read', needs('redis'), () => {
  const sluice = useSluice();

  it(
    'messages of a dead consumer are routed during a long backlog, not behind it',
    async () => {
      const redis = await RedisServer.start();
      const bus = redis.connect();
      const stream = 'left-behind';
      try {
        await sluice().publish('{id: known, version: 1, steps: []}');
        const send = (n: number): Promise<unknown> => {
          const about = { eventId: `b-${n}`, eventName: 'BACKLOG', tenantId: sluice().tenant };
          return bus.xadd(
            stream,
            '*',
            'event',
            JSON.stringify({ ...about, workflow_correlation_key: `b-${n}` }),
          );
        };
        const [left, backlog] = [64, 1_200];
        await bus.xgroup('CREATE', stream, 'sluice', '0', 'MKSTREAM');
        for (let n = 0; n < left; n++) await send(n);
        await bus.xreadgroup('GROUP', 'sluice', 'gone', 'COUNT', left, 'STREAMS', stream, '>');
        for (let n = 0; n < backlog; n++) await send(left + n);
        const bridge = await openBridge(sluice(), {
          redisUrl: redis.url,
          config: { stream, inFlight: 8, claimMs: 100 },
        });
        try {
          const names: string[] = [];
          const { events } = sluice().projections;
          await waitFor(
            async () => (await bus.xpending(stream, 'sluice'))[0] === 0 && (await lag(bus, stream)) === 0,
            BACKLOG_MS,
          );
          for (let after: string | undefined; ;) {
            const page = await events.list(sluice().tenant, {}, { limit: 500, after });
            names.push(...page.items.map(({ id }) => id));
            if (page.next === null) break;
            after = page.next;
          }
          expect(names).toHaveLength(left + backlog);
          // Newest first: none of the messages that were left is in the newer half.
          const newer = names.slice(0, names.length / 2).map((id) => Number(id.slice(2)));
          expect(newer.filter((n) => n < left)).toEqual([]);
        } finally {
          await bridge.stop();
        }
      } finally {
        bus.disconnect();
        await redis.remove();
      }
    },
    2 * BACKLOG_MS,
  );
});

/** Messages that the group has not read yet. */
async function lag(bus: Redis, stream: string): Promise<number> {
  const [group] = (await bus.xinfo('GROUPS', stream)) as [unknown[]];
  return Number(group[group.indexOf('lag') + 1]);
}

describe('events that a bridge recorded before it died', () => {
  const WAITER = `
id: swept
version: 1
triggers: [{ type: event, eventName: LEFT }]
steps: [{ id: w, type: event.wait, eventName: LEFT, correlationKey: { $expr: payload.key }, lookbackMs: 3600000, assign: { vars.got: { $expr: event.payload } } }]
result: { $expr: vars.got }
`;

  it('the next bridge resumes a recorded event when it starts, without a redelivery', () =>
    withSluice({}, async (sluice) => {
      const { projections, tenant } = sluice;
      const run = await sluice.startSource(WAITER, { key: 'left-0' });
      await waitFor(async () => (await projections.reads.listWaits(tenant, run.runId)).length === 1);
      /** Only the audit row: the bridge died before it signalled or started anything. */
      const leave = async (n: number, receivedAt: Date, of = tenant): Promise<void> => {
        const about = { tenant: of, source: 'plain', id: `left-${n}`, name: 'LEFT', time: null };
        const key = `left-${n}`;
        await projections.events.record({
          event: { ...about, correlationKey: key, payload: { key: 'again', n } },
          envelope: {
            ...{ eventId: key, eventName: 'LEFT', tenantId: of },
            ...{ workflow_correlation_key: key, payload: { key: 'again', n } },
          },
          correlation: { key, resolvedBy: 'explicit:event.workflow_correlation_key', tried: [] },
          via: 'stream',
          receivedAt,
        });
      };
      const longAgo = new Date(Date.now() - 60_000);
      await leave(0, longAgo);
      await leave(1, longAgo);
      // Another bridge may be routing it at this moment.
      await leave(2, new Date());
      // Its definitions were unpublished meanwhile: a tenant that was known once is enough.
      await leave(3, longAgo, 'tenant-that-is-gone');
      const bridge = await openBridge(sluice);
      try {
        expect(await sluice.result(run)).toEqual({ key: 'again', n: 0 });
        const ends = () =>
          Promise.all(
            [0, 1, 2, 3].map(async (n) => {
              const of = n === 3 ? 'tenant-that-is-gone' : tenant;
              return (await projections.events.explain({ tenant: of, source: 'plain', id: `left-${n}` }))
                ?.outcome;
            }),
          );
        await waitFor(async () => (await ends()).filter((outcome) => outcome !== null).length >= 3);
        expect(await ends()).toEqual(['ROUTED', 'ROUTED', null, 'NO_MATCH']);
        const runs = async () => (await projections.reads.listRuns(tenant)).items;
        // One run by each event's trigger, plus the one that waited; a run has a row once it has begun.
        await waitFor(async () => (await runs()).length >= 3);
        expect(await runs()).toHaveLength(3);
        expect(bridge.logged).toEqual([]);
      } finally {
        await bridge.stop();
      }
    }));

  it('an event that was sent before the crash counts as routed, although its run has ended since', () =>
    withSluice(
      { database: { faults: (point) => point === 'before:event_delivery.settle' && failing } },
      async (sluice) => {
        const { projections, tenant } = sluice;
        const [got, ended] = [
          await sluice.startSource(WAITER, { key: 'sent' }),
          await sluice.startSource(WAITER.replace('id: swept', 'id: ended'), { key: 'unsent' }),
        ];
        await sluice.waiting(got);
        await sluice.waiting(ended);
        failing = true;
        const first = await openBridge(sluice);
        const about = { eventName: 'LEFT', tenantId: tenant, payload: { key: 'again' } };
        try {
          await first.post({ ...about, eventId: 'sent', workflow_correlation_key: 'sent' });
          expect(await sluice.result(got)).toEqual({ key: 'again' });
          await sluice.client.terminate(ended.workflowId);
          await first.post({ ...about, eventId: 'unsent', workflow_correlation_key: 'unsent' });
        } finally {
          await first.stop();
          failing = false;
        }
        const next = await openBridge(sluice, { sweep: { settledMs: 0 } });
        try {
          const state = async (id: string) =>
            (await projections.events.explain({ tenant, source: 'plain', id }))?.runs
              .filter(({ foundBy }) => foundBy === 'arrival')
              .map(({ status }) => status);
          await waitFor(async () => (await projections.events.unfinished(new Date(), 10)).items.length === 0);
          expect(await state('sent')).toEqual(['SIGNALED']);
          expect(await state('unsent')).toEqual(['RUN_CLOSED']);
        } finally {
          await next.stop();
        }
      },
    ));

  it('a sweep reaches the events behind a page of events that fail repeatedly', () =>
    withSluice(
      { database: { faults: (point) => point === 'before:event_delivery.settle' && failing } },
      async (sluice) => {
        const { projections, tenant } = sluice;
        await sluice.publish('{id: known, version: 1, steps: []}');
        const leave = (n: number, name: string) =>
          projections.events.record({
            event: {
              tenant,
              source: 'plain',
              id: `f-${n}`,
              name,
              time: null,
              correlationKey: `f-${n}`,
              payload: n,
            },
            envelope: {
              eventId: `f-${n}`,
              eventName: name,
              tenantId: tenant,
              workflow_correlation_key: `f-${n}`,
            },
            correlation: { key: `f-${n}`, resolvedBy: 'explicit:event.workflow_correlation_key', tried: [] },
            via: 'stream',
            receivedAt: new Date(Date.now() - 120_000 + n),
          });
        for (let n = 0; n < 5; n++) await leave(n, 'BAD');
        await leave(5, 'GOOD');
        failing = true;
        const bridge = await openBridge(sluice, { sweep: { page: 2, everyMs: 3_600_000 } });
        try {
          // All six were tried, page after page, in one sweep.
          await waitFor(() => bridge.logged.length >= 6);
        } finally {
          failing = false;
          await bridge.stop();
        }
        const next = await openBridge(sluice);
        try {
          await waitFor(async () => (await projections.events.unfinished(new Date(), 10)).items.length === 0);
        } finally {
          await next.stop();
        }
      },
    ));
});

let failing = false;
