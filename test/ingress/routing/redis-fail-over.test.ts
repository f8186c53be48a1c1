/** Redis behind one address: its primary is demoted, and connections that are open still lead to it. */
import { describe, expect, it } from 'vitest';
import { useSluice } from '../../support/sluice.js';
import { waitFor } from '../../support/wait-for.js';
import { startProxy } from '../../support/servers/proxy.js';
import { RedisServer } from '../../support/servers/redis-server.js';
import { needs } from '../../support/requirements.js';
import { openBridge } from '../support/bridge.js';

const sluice = useSluice();
const SENDER = `
id: sender
version: 1
steps:
  - { id: p, type: event.publish, eventName: NEWS, correlationKey: k, payload: 1 }
`;

describe('a fail-over of Redis', needs('redis'), () => {
  it('the stream, the acknowledgements and the outbox go on by themselves, and /health says what is wrong meanwhile', async () => {
    const [old, next] = [await RedisServer.start(), await RedisServer.start()];
    const portOf = ({ url }: RedisServer) => Number(new URL(url).port);
    const proxy = await startProxy(portOf(old));
    const [toOld, toNext] = [old.connect(), next.connect()];
    await sluice().publish(SENDER);
    const bridge = await openBridge(sluice(), { redisUrl: `redis://127.0.0.1:${proxy.port}` });
    const health = async () => await (await fetch(`${bridge.url}/health`)).json();
    const event = (eventId: string) =>
      JSON.stringify({ eventId, eventName: 'X', tenantId: sluice().tenant, workflow_correlation_key: 'k' });
    const routed = (id: string) =>
      waitFor(async () => {
        const { body } = await bridge.get({ tenant: sluice().tenant, source: 'plain', id });
        return body['outcome'] === 'NO_MATCH';
      });
    try {
      await toOld.xadd(bridge.stream, '*', 'event', event('before'));
      await routed('before');
      // The old primary refuses writes; the address still leads to it.
      await toOld.replicaof('127.0.0.1', 1);
      // Between two tries the connection is closed, and the reason is that.
      const reason = await waitFor(async () => {
        const found = (await health()) as { readonly message?: string };
        return found.message?.includes('READONLY') === true ? found : undefined;
      });
      expect(reason).toMatchObject({ status: 'waiting', code: 'REDIS_REFUSED' });
      proxy.failOver(portOf(next));
      await toNext.xadd(bridge.stream, '*', 'event', event('after'));
      await routed('after');
      const run = await sluice().start('sender');
      await waitFor(async () => {
        const query = { tenant: sluice().tenant, source: '/sluice/sender', id: `${run.runId}/steps[0]` };
        return (await bridge.get(query)).body['outcome'] === 'NO_MATCH';
      });
      await waitFor(async () => (await toNext.xpending(bridge.stream, 'sluice'))[0] === 0);
      await waitFor(async () => ((await health()) as { readonly status: string }).status === 'ok');
    } finally {
      await bridge.stop();
      toOld.disconnect();
      toNext.disconnect();
      await proxy.close();
      await old.remove();
      await next.remove();
    }
  });
});
