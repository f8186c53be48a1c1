/**
 * event.publish: from a step to the outbox, by the relay to the bus, and from there to the runs that wait.
 */
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import { useSluice } from '../support/sluice.js';
import { waitFor } from '../support/wait-for.js';
import { RedisServer } from '../support/servers/redis-server.js';
import { needs } from '../support/requirements.js';
import { openBridge, type TestBridge } from './support/bridge.js';

const SENDER = `
id: sender
version: 1
steps:
  - id: each
    type: control.forEach
    items: [1, 2, 3]
    body:
      - { id: p, type: event.publish, eventName: NEWS, correlationKey: { $expr: payload.key }, payload: { n: { $expr: item } } }
`;
const READER = `
id: reader
version: 1
steps:
  - id: each
    type: control.forEach
    items: [1, 2, 3]
    body:
      - { id: w, type: event.wait, eventName: NEWS, correlationKey: { $expr: payload.key }, assign: { vars.n: { $expr: event.payload.n } } }
    collect: { $expr: vars.n }
    saveAs: vars.all
result: { $expr: vars.all }
`;

const sluice = useSluice();
beforeAll(async () => {
  await sluice().publish(SENDER);
  await sluice().publish(READER);
});

/** A run publishes, and after a reset publishes something else under the same id. */
async function publishesAgain(bridge: TestBridge): Promise<void> {
  const run = await sluice().startSource(`
id: again-${bridge.stream}
version: 1
steps:
  - { id: p, type: event.publish, eventName: NEWS, correlationKey: again, payload: first }
`);
  await sluice().result(run);
  const { tenant, projections } = sluice();
  const source = `/sluice/again-${bridge.stream}`;
  const { id } = await waitFor(async () => {
    const { items } = await projections.events.list(tenant, { eventName: 'NEWS' }, {});
    return items.find((item) => item.source === source);
  });
  const explained = async () => (await bridge.get({ tenant, source, id })).body;
  const first = await waitFor(async () => {
    const found = await explained();
    return found['outcome'] === 'NO_MATCH' ? found : undefined;
  });
  // As a run leaves it that publishes at the same place after a reset, a few events later.
  const answers = await projections.database.request(
    `LET $row = (SELECT * FROM outbox WHERE event_id = $id)[0];
     LET $key = [$tenant, $row.run_id, 1, 999, $id];
     CREATE type::record('outbox', $key) CONTENT object::extend(object::remove($row, ['id', 'sent_at']), { envelope: $envelope, status: 'PENDING' });
     CREATE type::record('outbox_due', $key);`,
    { tenant, id, envelope: JSON.stringify({ ...(first['envelope'] as JsonObject), payload: 'another' }) },
  );
  expect(answers.filter(({ ok }) => !ok)).toEqual([]);
  await waitFor(async () => {
    const { conflicts } = await explained();
    return (conflicts as JsonObject)['count'] === 1;
  });
  await waitFor(async () => (await projections.events.dueOutbox(undefined, 10)).items.length === 0);
  expect(await explained()).toMatchObject({
    envelope: first['envelope'] as JsonObject,
    conflicts: { last: [{ via: 'relay', differs: ['payload'] }] },
  });
  expect((await projections.deadLetters.list(tenant)).items).toEqual([]);
}

describe('without Redis', () => {
  let bridge: TestBridge;
  beforeAll(async () => void (bridge = await openBridge(sluice())));
  afterAll(() => bridge.stop());

  it('events that a run publishes reach the run that waits for them, in order', async () => {
    const reader = await sluice().start('reader', { key: 'n-1' });
    const sender = await sluice().start('sender', { key: 'n-1' });
    expect(await sluice().result(reader)).toEqual([1, 2, 3]);
    const { body } = await bridge.get({
      tenant: sluice().tenant,
      source: '/sluice/sender',
      id: `${sender.runId}/steps[0].body[0]/[1]`,
    });
    expect(body).toMatchObject({ via: 'relay', outcome: 'ROUTED', correlationKey: 'n-1' });
  });

  it('what a run publishes again after a reset, with other content, is settled, audited and counted', async () => {
    await publishesAgain(bridge);
    const lines = await waitFor(async () => {
      const text = await (await fetch(`${bridge.url}/metrics`)).text();
      return text.includes('sluice_bridge_outbox_left 0') && text.split('\n');
    });
    expect(lines).toContain('sluice_bridge_outbox_oldest_seconds 0');
    expect(lines).toContain('sluice_dead_letters_open{kind="outbox"} 0');
    expect(lines).toContain('sluice_unreadable_rows 0');
    expect(lines).toContain('sluice_bridge_outbox_total{outcome="CONFLICT"} 1');
    expect(lines).toContain('sluice_bridge_outbox_total{outcome="PUBLISHED"} 4');
  });

  it('a run can receive the largest payload that a run may publish, under the longest key', async () => {
    const key = '🗝'.repeat(LIMITS.correlationKeyCharacters / 2);
    const text = 'x'.repeat(LIMITS.publishedBytes - 2);
    const reader = await sluice().startSource(
      `
id: reads-large
version: 1
steps:
  - { id: hold, type: event.wait, eventName: NEWS, correlationKey: large-hold }
  - { id: w, type: event.wait, eventName: LARGE, correlationKey: { $expr: payload.key }, timeoutMs: 20000, assign: { vars.n: { $expr: $length(event.payload) } } }
result: { $expr: vars.n }
`,
      { key },
    );
    await sluice().startSource(
      `
id: large
version: 1
steps:
  - { id: p, type: event.publish, eventName: LARGE, correlationKey: { $expr: payload.key }, payload: { $expr: payload.text } }
  - { id: go, type: event.publish, eventName: NEWS, correlationKey: large-hold }
`,
      { key, text },
    );
    expect(await sluice().result(reader)).toBe(text.length);
  });

  it('a payload that no wait could receive is an error of the step', async () => {
    const run = await sluice().startSource(
      `
id: too-large
version: 1
steps:
  - { id: p, type: event.publish, eventName: NEWS, payload: [{ $expr: payload.text }, { $expr: payload.text }] }
`,
      { text: 'x'.repeat(150_000) },
    );
    await expect(sluice().result(run)).rejects.toMatchObject({ code: 'INPUT_TOO_LARGE' });
  });
});

describe('with Redis', needs('redis'), () => {
  let redis: RedisServer;
  let bus: Redis;
  let bridge: TestBridge;
  beforeAll(async () => {
    redis = await RedisServer.start();
    bus = redis.connect();
    bridge = await openBridge(sluice(), { redisUrl: redis.url });
  });
  afterAll(async () => {
    await bridge.stop();
    bus.disconnect();
    await redis.remove();
  });

  it('the stream gets each event in the order of its run, with its key, and the outbox is empty', async () => {
    const sender = await sluice().start('sender', { key: 'n-2' });
    await waitFor(async () => (await bus.xlen(bridge.stream)) === 3);
    const entries = await bus.xrange(bridge.stream, '-', '+');
    const sent = entries.map(([, fields]) => JSON.parse(fields[1] ?? '{}') as JsonObject);
    expect(sent).toMatchObject(
      [1, 2, 3].map((n, i) => ({
        eventId: `${sender.runId}/steps[0].body[0]/[${i}]`,
        eventName: 'NEWS',
        tenantId: sluice().tenant,
        source: '/sluice/sender',
        workflow_correlation_key: 'n-2',
        payload: { n },
      })),
    );
    await waitFor(
      async () => (await sluice().projections.events.dueOutbox(undefined, 10)).items.length === 0,
    );
    const reader = await sluice().start('reader', { key: 'n-3' });
    await sluice().start('sender', { key: 'n-3' });
    expect(await sluice().result(reader)).toEqual([1, 2, 3]);
  });

  it('what a run publishes again after a reset, with other content, is settled and not put on the stream', async () => {
    await publishesAgain(bridge);
    const entries = await bus.xrange(bridge.stream, '-', '+');
    expect(entries.filter(([, fields]) => fields[1]?.includes('again-'))).toHaveLength(1);
  });
});
