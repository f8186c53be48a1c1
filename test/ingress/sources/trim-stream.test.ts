/** The stream does not grow without a limit, and loses nothing that a consumer needs. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Redis } from 'ioredis';
import { trimStream } from '../../../ingress/sources/trim-stream.js';
import { useSluice } from '../../support/sluice.js';
import { waitFor } from '../../support/wait-for.js';
import { openBridge } from '../support/bridge.js';
import { RedisServer } from '../../support/servers/redis-server.js';
import { needs } from '../../support/requirements.js';

describe('a message of the stream', needs('redis'), () => {
  const sluice = useSluice({ startWorker: false });
  let server: RedisServer;
  let redis: Redis;
  beforeAll(async () => {
    server = await RedisServer.start();
    redis = server.connect();
  });
  afterAll(async () => {
    redis.disconnect();
    await server.remove();
  });

  const numbers = async (stream: string): Promise<readonly string[]> =>
    (await redis.xrange(stream, '-', '+')).map(([, fields]) => fields[1] ?? '');
  /** The messages that are left after a removal; those of the current millisecond are too young. */
  const trimmed = async (stream: string): Promise<readonly string[]> => {
    await waitFor(async () => (await trimStream(redis, { stream, group: 'one' }, 0)) > 0);
    return numbers(stream);
  };
  const read = (stream: string, group: string, count: number) =>
    redis.xreadgroup('GROUP', group, 'me', 'COUNT', count, 'STREAMS', stream, '>');

  it('a message is removed when every group has acknowledged it, and not before', async () => {
    const stream = 'trimmed';
    for (const group of ['one', 'two']) await redis.xgroup('CREATE', stream, group, '0', 'MKSTREAM');
    const ids: string[] = [];
    for (let n = 0; n < 6; n++) ids.push((await redis.xadd(stream, '*', 'n', String(n))) ?? '');
    const acknowledge = (group: string, ...which: number[]) =>
      redis.xack(stream, group, ...which.map((n) => ids[n] ?? ''));
    expect(await trimStream(redis, { stream, group: 'one' }, 0)).toBe(0);
    await read(stream, 'one', 6);
    await acknowledge('one', 0, 1, 2, 3, 4, 5);
    // The other group has read nothing.
    expect(await trimStream(redis, { stream, group: 'one' }, 0)).toBe(0);
    await read(stream, 'two', 4);
    await acknowledge('two', 0, 2, 3);
    // 1 is pending there, 4 and 5 are still to come.
    expect(await trimmed(stream)).toEqual(['1', '2', '3', '4', '5']);
    await acknowledge('two', 1);
    await read(stream, 'two', 2);
    await acknowledge('two', 4, 5);
    // Too young.
    expect(await trimStream(redis, { stream, group: 'one' }, 3_600_000)).toBe(0);
    expect(await trimmed(stream)).toEqual(['5']);
  });

  it('nothing is removed while the group of the bridge is missing, even if other groups have it all', async () => {
    const stream = 'without-a-group';
    await redis.xadd(stream, '*', 'n', '0');
    await redis.xadd(stream, '*', 'n', '1');
    await redis.xadd(stream, '*', 'n', '2');
    const trim = (group: string) => trimStream(redis, { stream, group }, 0);
    expect(await trim('one')).toBe(0);
    await redis.xgroup('CREATE', stream, 'other', '0');
    await redis.xgroup('SETID', stream, 'other', '$');
    expect(await trim('one')).toBe(0);
    expect(await numbers(stream)).toEqual(['0', '1', '2']);
    await waitFor(async () => (await trim('other')) > 0);
  });

  it('the bridge removes messages that it has routed; one that arrived while it was away is routed first', async () => {
    const text = (n: number) =>
      JSON.stringify({ eventId: `t-${n}`, eventName: 'TRIM', tenantId: sluice().tenant, payload: n });
    await sluice().projections.putDefinition(sluice().tenant, {
      pin: { id: 'known', version: 1, hash: 'a'.repeat(64) },
      ...{ source: '{"id":"known","version":1,"steps":[]}', format: 'json', publishedBy: 'test' },
    });
    const config = { stream: 'bridged', keepMs: 0, claimMs: 100 };
    await redis.xadd('bridged', '*', 'event', text(0));
    const bridge = await openBridge(sluice(), { redisUrl: server.url, config });
    try {
      for (let n = 1; n < 30; n++) await redis.xadd('bridged', '*', 'event', text(n));
      await waitFor(async () => (await redis.xlen('bridged')) <= 1);
      const { items } = await sluice().projections.events.list(sluice().tenant, { eventName: 'TRIM' }, {});
      expect(items).toHaveLength(30);
      expect(bridge.logged).toEqual([]);
    } finally {
      await bridge.stop();
    }
  });

  it('a group that was destroyed is made again: no event is lost, and none is routed twice', async () => {
    const text = (n: number) =>
      JSON.stringify({ eventId: `g-${n}`, eventName: 'GROUP', tenantId: sluice().tenant, payload: n });
    const send = async (from: number, to: number) => {
      for (let n = from; n < to; n++) await redis.xadd('regrouped', '*', 'event', text(n));
    };
    const config = { stream: 'regrouped', group: 'lost', claimMs: 100 };
    const routed = async () =>
      (await sluice().projections.events.list(sluice().tenant, { eventName: 'GROUP' }, {})).items;
    await send(0, 10);
    const bridge = await openBridge(sluice(), { redisUrl: server.url, config });
    try {
      const first = await waitFor(async () => {
        const found = await routed();
        return found.length === 10 && found.every(({ outcome }) => outcome !== null) && found;
      });
      await redis.xgroup('DESTROY', 'regrouped', 'lost');
      await send(10, 20);
      await waitFor(async () => {
        const [pending] = (await redis.xpending('regrouped', 'lost').catch(() => [1])) as [number];
        return (await routed()).length === 20 && pending === 0;
      });
      // The rows of the first ten are as they were.
      expect((await routed()).slice(10)).toEqual(first);
      expect(JSON.stringify(bridge.logged)).toContain('NOGROUP');
    } finally {
      await bridge.stop();
    }
  });
});
