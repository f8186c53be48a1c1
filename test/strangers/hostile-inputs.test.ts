/**
 * Inputs that froze a process once, at the doors of an API, a bridge and a worker that share this test's main
 * thread: what holds it holds the requests of the test too.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../contracts/json.js';
import { useApi } from '../api/support/api.js';
import { openBridge, type TestBridge } from '../ingress/support/bridge.js';
import { waitFor } from '../support/wait-for.js';

const api = useApi();
let bridge: TestBridge;
beforeAll(async () => {
  bridge = await openBridge(api().sluice);
  for (const [id, schema] of Object.entries(SCHEMAS)) {
    const source = { id, version: 1, payloadSchema: schema, triggers: [], steps: [], result: 'ended' };
    const triggers = [{ type: 'event', eventName: id }];
    await api().sluice.publish(JSON.stringify({ ...source, triggers }));
  }
});
afterAll(() => bridge.stop());

const SCHEMAS = {
  backtracking: { properties: { name: { type: 'string', pattern: '^(a+)+$' } } },
  unique: { properties: { items: { type: 'array', uniqueItems: true } } },
  defaults: {
    properties: {
      items: {
        items: {
          type: 'object',
          properties: { all: { default: Array.from({ length: 2_000 }, (_, i) => ({ i })) } },
        },
      },
    },
  },
};
const ATTACKS: readonly [keyof typeof SCHEMAS, Json, string][] = [
  ['backtracking', { name: `${'a'.repeat(5_000)}!` }, 'PAYLOAD_INVALID'],
  ['unique', { items: Array.from({ length: 60_000 }, (_, i) => ({ i: i % 59_999 })) }, 'PAYLOAD_INVALID'],
  // Filling the memory takes seconds, so this one goes through one door.
  ['defaults', { items: Array.from({ length: 60_000 }, () => ({})) }, 'CHECK_LIMIT'],
];

describe('an input that takes long to check', () => {
  it.each(ATTACKS)(
    '[no-check-freezes] %s is refused at the doors, and the next run starts',
    async (definition, payload, code) => {
      const { client, sluice } = api();
      const body = { definition, payload };
      expect((await api().refusal('/v1/runs', { json: body })).code).toBe(code);
      expect(await sluice.run(`{id: after, version: 1, steps: [], result: well}`)).toBe('well');
      if (code === 'CHECK_LIMIT') return;
      const event = { eventId: definition, source: 'x', eventName: definition, tenantId: sluice.tenant };
      const answer = await bridge.post({ ...event, payload });
      expect(JSON.stringify(answer.body)).toContain(code);
      const run = await sluice.startUnchecked(definition, payload);
      await expect(client.result(run.workflowId, run.runId)).rejects.toMatchObject({ code });
    },
  );

  // An act is limited to 64 KiB.
  it.each<[keyof typeof SCHEMAS, Json]>([
    ['backtracking', { name: `${'a'.repeat(5_000)}!` }],
    ['unique', { items: Array.from({ length: 5_000 }, (_, i) => ({ i: i % 4_999 })) }],
  ])(
    '[no-check-freezes] an answer of a person to a form of %s is refused, and the task goes on',
    async (schema, answer) => {
      const { client } = api();
      const { tenant } = api().sluice;
      const request = { title: 'Answer', form: SCHEMAS[schema] as Json, dueMs: 3_600_000 };
      const item = await client.tasks.create(request, { actor: 'rita', tenant });
      const act = { json: { reason: 'r', answer } };
      await waitFor(async () => (await api().sluice.projections.tasks.get(tenant, item)) !== undefined);
      expect((await api().refusal(`/v1/tasks/${item}/approve`, act)).code).toBe('PAYLOAD_INVALID');
      await expect(
        client.tasks.act(item, 'approve', { reason: 'r', answer }, { actor: 'anna', tenant }),
      ).rejects.toMatchObject({ code: 'PAYLOAD_INVALID' });
      const well = { json: { reason: 'r', answer: {} } };
      expect((await api().ask(`/v1/tasks/${item}/approve`, well)).status).toBe(200);
    },
  );

  it('[no-check-freezes] a document of 480 KB for validation holds no other request of the API', async () => {
    const step = (i: number) =>
      `  - { id: s${i}, type: control.return, result: { $expr: 'payload.a${i} +' } }`;
    const lines = Array.from({ length: 7_000 }, (_, i) => step(i))
      .join('\n')
      .slice(0, 480_000);
    const source = `id: long\nversion: 1\nsteps:\n${lines.slice(0, lines.lastIndexOf('\n'))}\n`;
    const order: string[] = [];
    // A busy machine may cut it short: that is an answer too.
    const validation = api()
      .ask('/v1/validations', { as: 'reader', json: { source } })
      .then(() => order.push('validated'));
    for (let i = 0; i < 3; i++) {
      const { status } = await api().ask('/healthz');
      order.push(String(status));
    }
    await validation;
    expect(order).toEqual(['200', '200', '200', 'validated']);
  });
});
