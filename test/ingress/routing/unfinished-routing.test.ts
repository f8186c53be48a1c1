/**
 * A bridge that fails half-way: a redelivery finishes the routing; a message that never succeeds is put
 * aside.
 */
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../contracts/json.js';
import type { FaultPoint } from '../../../projections/index.js';
import { withSluice, type SluiceTest } from '../../support/sluice.js';
import { waitFor } from '../../support/wait-for.js';
import { openBridge } from '../support/bridge.js';
import { RedisServer } from '../../support/servers/redis-server.js';
import { needs } from '../../support/requirements.js';

const WAITER = `
id: waiter
version: 1
steps:
  - { id: w, type: event.wait, eventName: PAID, correlationKey: o-1, assign: { vars.got: { $expr: event.payload } } }
  - { id: again, type: event.wait, eventName: PAID, correlationKey: o-1, timeoutMs: 500, onError: { policy: continue } }
result: { $expr: vars.got }
`;

/** A Sluice whose commits fail at one point while the test says so. */
function withFault(
  test: (sluice: SluiceTest, failAt: (point: FaultPoint | undefined) => void) => Promise<void>,
) {
  let at: FaultPoint | undefined;
  return withSluice({ database: { faults: (point) => point === at } }, (sluice) =>
    test(sluice, (point) => (at = point)),
  );
}

const POINTS: readonly FaultPoint[] = ['before:event_delivery.settle', 'before:event_unfinished.remove'];

describe('a routing that failed after the audit row was written', () => {
  it.each(POINTS)('a redelivery finishes a routing that failed at %s', (point) =>
    withFault(async (sluice, failAt) => {
      const bridge = await openBridge(sluice);
      try {
        const run = await sluice.startSource(WAITER);
        await waitFor(
          async () => (await sluice.projections.reads.listWaits(sluice.tenant, run.runId)).length === 1,
        );
        const event = {
          eventId: 'e-1',
          eventName: 'PAID',
          tenantId: sluice.tenant,
          workflow_correlation_key: 'o-1',
          payload: 5,
        };
        failAt(point);
        expect((await bridge.post(event)).status).toBe(500);
        const key = { tenant: sluice.tenant, source: 'plain', id: 'e-1' };
        expect(
          (await sluice.projections.events.unfinished(new Date(Date.now() + 1_000), 10)).items,
        ).toMatchObject([key]);
        failAt(undefined);
        const second = await bridge.post(event);
        expect(second).toMatchObject({ status: 202, body: { outcome: 'ROUTED', duplicate: false } });
        expect((await sluice.projections.events.unfinished(new Date(Date.now() + 1_000), 10)).items).toEqual(
          [],
        );
        // The signal was sent twice; the second wait did not get it.
        expect(await sluice.result(run)).toBe(5);
        const steps = await sluice.projections.reads.listSteps(sluice.tenant, run.runId);
        expect(steps.items.map(({ status }) => status)).toEqual(['SUCCEEDED', 'FAILED']);
      } finally {
        await bridge.stop();
      }
    }),
  );
});

describe('another event under an id whose routing did not end', () => {
  it('another event under the same id is a conflict: runs get the recorded event', () =>
    withFault(async (sluice, failAt) => {
      const bridge = await openBridge(sluice);
      try {
        const run = await sluice.startSource(WAITER);
        await waitFor(
          async () => (await sluice.projections.reads.listWaits(sluice.tenant, run.runId)).length === 1,
        );
        await sluice.publish(
          '{id: impostor, version: 1, triggers: [{type: event, eventName: OTHER}], steps: []}',
        );
        const about = { eventId: 'e-9', tenantId: sluice.tenant, workflow_correlation_key: 'o-1' };
        // The audit row exists, and nothing has been signalled.
        await sluice.projections.events.record({
          event: {
            ...about,
            id: 'e-9',
            name: 'PAID',
            payload: 'first',
            tenant: sluice.tenant,
            source: 'plain',
            time: null,
            correlationKey: 'o-1',
          },
          envelope: { ...about, eventName: 'PAID', payload: 'first' },
          correlation: { key: 'o-1', resolvedBy: 'explicit:event.workflow_correlation_key', tried: [] },
          via: 'http',
          receivedAt: new Date(),
        });
        failAt(undefined);
        const answer = await bridge.post({ ...about, eventName: 'OTHER', payload: 'second' });
        expect(answer).toMatchObject({ status: 409, body: { error: { code: 'EVENT_CONFLICT' } } });
        const again = await bridge.post({ ...about, eventName: 'PAID', payload: 'first' });
        expect(again.body).toMatchObject({ outcome: 'ROUTED', name: 'PAID', triggers: [] });
        expect(await sluice.result(run)).toBe('first');
        expect((await sluice.projections.reads.listRuns(sluice.tenant)).items).toHaveLength(1);
      } finally {
        await bridge.stop();
      }
    }));
});

describe('a message that fails for its own reason', needs('redis'), () => {
  it('a message that keeps failing is claimed and tried again, and becomes a dead letter after its last try', () =>
    withFault(async (sluice, failAt) => {
      const redis = await RedisServer.start();
      const bus = redis.connect();
      await sluice.publish(WAITER);
      const bridge = await openBridge(sluice, { redisUrl: redis.url, config: { claimMs: 100, tries: 3 } });
      try {
        failAt('before:inbound_event.create');
        await bus.xadd(
          bridge.stream,
          '*',
          'event',
          JSON.stringify({ eventId: 'p-1', eventName: 'X', tenantId: sluice.tenant }),
        );
        const letter = await waitFor(async () => {
          const tenants = await Promise.all(
            ['default', sluice.tenant].map((tenant) => sluice.projections.deadLetters.list(tenant)),
          );
          return tenants.flatMap(({ items }) => items)[0];
        });
        expect(letter).toMatchObject({ kind: 'event', errorCode: 'EVENT_POISON' });
        await waitFor(async () => (await bus.xpending(bridge.stream, 'sluice'))[0] === 0);
      } finally {
        await bridge.stop();
        bus.disconnect();
        await redis.remove();
      }
    }));
});

describe('a look-back that fails half-way', () => {
  const MANY = `
id: many
version: 1
steps:
  - { id: w, type: event.wait, eventName: N, correlationKey: k, lookbackMs: 3600000 }
  - { id: end, type: event.wait, eventName: END, correlationKey: k }
`;

  it('the next attempt goes on where it stopped, and does not begin anew', () => {
    let notes = 0;
    const faults = (point: FaultPoint) => point === 'before:event_delivery.missed' && ++notes === 2;
    return withSluice({ database: { faults } }, async (sluice) => {
      await sluice.publish(MANY);
      const bridge = await openBridge(sluice);
      const event = (id: string, type: string) => ({
        specversion: '1.0',
        source: 'many',
        tenantid: sluice.tenant,
        workflowcorrelationkey: 'k',
        id,
        type,
      });
      const post = (events: readonly JsonObject[]) =>
        bridge.post([...events], { 'content-type': 'application/cloudevents-batch+json' });
      try {
        await post(Array.from({ length: 120 }, (_, n) => event(`n-${n}`, 'N')));
        const run = await sluice.start('many');
        const logged = async (type: string): Promise<number> => {
          const [answer] = await sluice.projections.database.request(
            'SELECT VALUE type FROM run_event:[$tenant, $run]..[$tenant, $run, ..] WHERE type = $type',
            { tenant: sluice.tenant, run: run.runId, type },
          );
          return answer?.ok === true ? (answer.value as unknown[]).length : 0;
        };
        await waitFor(async () => (await logged('EVENT_RECEIVED')) === 120);
        await post([event('end', 'END')]);
        await sluice.result(run);
        // The part whose note failed was sent twice, and no other.
        expect(await logged('EVENT_DROPPED')).toBe(50);
        expect(await logged('EVENT_RECEIVED')).toBe(121);
      } finally {
        await bridge.stop();
      }
    });
  });
});
