/** A trigger that failed is a dead letter, and its retry starts the run: docs/dead-letters.md. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../contracts/json.js';
import { useSluice } from '../../support/sluice.js';
import { waitFor } from '../../support/wait-for.js';
import { openBridge, type TestBridge } from '../support/bridge.js';

const sluice = useSluice();
const sweep = { everyMs: 50 };
let bridge: TestBridge;
beforeAll(async () => {
  bridge = await openBridge(sluice(), { sweep });
});
afterAll(() => bridge.stop());

/** A definition that an event named after it triggers; while it is broken, no payload fits it. */
const publish = async (id: string, version: number, broken: boolean, eventName = id.toUpperCase()) => {
  await sluice().publish(`
id: ${id}
version: ${version}
${broken ? 'payloadSchema: { type: object, required: [missing] }' : ''}
triggers: [{ type: event, eventName: ${eventName} }]
steps: []
result: { $expr: payload.order }
`);
};

let ids = 0;
const eventOf = (eventName: string): JsonObject & { readonly eventId: string } => ({
  eventId: `f-${++ids}`,
  eventName,
  tenantId: sluice().tenant,
  workflow_correlation_key: 'o-1',
  payload: { order: 7 },
});

const letters = async (subject: string) =>
  (await sluice().client.deadLetters.list({ kind: 'trigger', limit: 500 })).items.filter(
    (letter) => letter.subject === subject,
  );
const letter = async (id: string) => sluice().client.deadLetters.show(id);
const explained = async ({ eventId }: { readonly eventId: string }): Promise<JsonObject> =>
  (await bridge.get({ tenant: sluice().tenant, source: 'plain', id: eventId })).body;
const runsOf = async (definition: string) =>
  (await sluice().projections.reads.listRuns(sluice().tenant, { definition })).items;

/** Publishes a broken definition and sends it an event; returns the event and the letter's id. */
async function failed(id: string) {
  await publish(id, 1, true);
  const event = eventOf(id.toUpperCase());
  expect((await bridge.post(event)).body).toMatchObject({ outcome: 'FAILED' });
  const [found] = await letters(`${id} by ${id.toUpperCase()}`);
  return { event, id: found?.id ?? '' };
}

describe('a trigger that failed', () => {
  it('a trigger that failed is a dead letter, and its retry starts the run that the event missed [failed-triggers-are-kept]', async () => {
    await publish('fails', 1, true, 'PLACED');
    await publish('fails-too', 1, true, 'PLACED');
    await publish('works', 1, false, 'PLACED');
    const event = eventOf('PLACED');
    expect((await bridge.post(event)).body).toMatchObject({ outcome: 'ROUTED' });
    const [found] = await letters('fails by PLACED');
    expect(found).toMatchObject({ status: 'OPEN', errorCode: 'PAYLOAD_INVALID', canRetry: true });
    expect(await letters('fails-too by PLACED')).toMatchObject([{ status: 'OPEN' }]);
    expect(await letters('works by PLACED')).toEqual([]);
    const metrics = await (await fetch(`${bridge.url}/metrics`)).text();
    expect(metrics.split('\n')).toEqual(
      expect.arrayContaining([
        'sluice_bridge_dead_letters_total{kind="trigger"} 2',
        'sluice_dead_letters_open{kind="trigger"} 2',
      ]),
    );
    const id = found?.id ?? '';
    expect(JSON.parse((await letter(id)).body ?? '')).toEqual(event);

    await publish('fails', 2, false, 'PLACED');
    // It did not exist when the event came.
    await publish('younger', 1, false, 'PLACED');
    expect(await sluice().client.deadLetters.retry(id, { actor: 'ada', note: 'mended' })).toBe('RETRYING');
    await waitFor(async () => (await letter(id)).status === 'RETRIED');
    const [run] = await waitFor(async () => {
      const runs = await runsOf('fails');
      return runs[0]?.status === 'SUCCEEDED' && runs;
    });
    expect(await sluice().result({ workflowId: run?.workflowId ?? '', runId: run?.runId ?? '' })).toBe(7);
    expect((await letter(id)).acts).toMatchObject([
      { act: 'retry', actor: 'ada', note: 'mended' },
      { act: 'retried', actor: 'ada', note: `${run?.workflowId ?? ''} started` },
    ]);
    const { triggers } = await explained(event);
    expect(triggers).toHaveLength(3);
    expect(triggers).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ definition: 'fails', version: 2, status: 'STARTED' }),
        expect.objectContaining({ definition: 'fails-too', status: 'FAILED' }),
        expect.objectContaining({ definition: 'works', version: 1, status: 'STARTED' }),
      ]),
    );
    expect(await runsOf('works')).toHaveLength(1);
    expect(await runsOf('younger')).toEqual([]);
    expect(await letters('fails-too by PLACED')).toMatchObject([{ status: 'OPEN' }]);
    expect((await bridge.post(event)).body).toMatchObject({ duplicate: true, triggers });
  });

  it('a retry that fails again opens the letter again, and several retries at once start one run', async () => {
    const { event, id } = await failed('again');
    const { deadLetters } = sluice().client;
    await deadLetters.retry(id);
    await waitFor(async () => (await letter(id)).acts.length === 2);
    expect(await letter(id)).toMatchObject({ status: 'OPEN', acts: [{ act: 'retry' }, { act: 'failed' }] });
    expect(await explained(event)).toMatchObject({ outcome: 'FAILED', error: { code: 'PAYLOAD_INVALID' } });

    await publish('again', 2, false);
    const other = await openBridge(sluice(), { sweep });
    await Promise.allSettled([1, 2, 3].map(() => deadLetters.retry(id)));
    await waitFor(async () => (await letter(id)).status === 'RETRIED');
    await other.stop();
    expect(await waitFor(async () => (await runsOf('again'))[0] && (await runsOf('again')))).toHaveLength(1);
    expect(await explained(event)).toMatchObject({ outcome: 'ROUTED', error: null });
    await expect(deadLetters.retry(id)).rejects.toMatchObject({ code: 'DEAD_LETTER_CLOSED' });
  });

  it('a retry while no bridge runs is done when one does; its event is kept until then', async () => {
    const { event, id } = await failed('later');
    const gone = await failed('unpublished');
    await publish('later', 2, false);
    await bridge.stop();
    const { client } = sluice();
    const { deadLetters } = client;
    await deadLetters.retry(id);
    await deadLetters.retry(gone.id);
    await client.unpublishDefinition('unpublished');
    expect(await letter(id)).toMatchObject({ status: 'RETRYING' });
    const receivedBefore = new Date(Date.now() + 60_000);
    await sluice().projections.maintenance.removeEvents({ receivedBefore, limit: 1_000 });
    const bridges = await Promise.all([1, 2].map(() => openBridge(sluice(), { sweep })));
    bridge = bridges[0] ?? bridge;
    await waitFor(async () => (await letter(id)).status === 'RETRIED');
    expect(await explained(event)).toMatchObject({ outcome: 'ROUTED' });
    await waitFor(async () => (await letter(gone.id)).status === 'OPEN');
    expect(await letter(gone.id)).toMatchObject({ errorCode: 'DEFINITION_NOT_FOUND' });
    await bridges[1]?.stop();
    expect(await waitFor(async () => (await runsOf('later'))[0] && (await runsOf('later')))).toHaveLength(1);
  });

  it('a retry that could only fail is refused and says why; an event that is forgotten and fails again opens its letter again', async () => {
    const { event, id } = await failed('twice');
    const { client, projections } = sluice();
    await client.unpublishDefinition('twice');
    await expect(client.deadLetters.retry(id)).rejects.toMatchObject({
      code: 'DEAD_LETTER_NOT_RETRYABLE',
      message: expect.stringContaining('publish one, and retry') as string,
    });
    await publish('twice', 2, true);
    const receivedBefore = new Date(Date.now() + 60_000);
    await projections.maintenance.removeEvents({ receivedBefore, limit: 1_000 });
    await expect(client.deadLetters.retry(id)).rejects.toMatchObject({
      code: 'DEAD_LETTER_NOT_RETRYABLE',
      message: expect.stringContaining('Retention has removed the event') as string,
    });
    expect(await letter(id)).toMatchObject({ status: 'OPEN', acts: [] });
    await client.deadLetters.dismiss(id);
    expect((await bridge.post(event)).body).toMatchObject({ outcome: 'FAILED', duplicate: false });
    expect(await letter(id)).toMatchObject({ status: 'OPEN', acts: [{ act: 'dismiss' }, { act: 'reopen' }] });
    // A redelivery, after someone has dismissed it once more, changes nothing.
    await client.deadLetters.dismiss(id);
    expect((await bridge.post(event)).body).toMatchObject({ outcome: 'FAILED', duplicate: true });
    expect(await letter(id)).toMatchObject({ status: 'DISMISSED' });
  });
});
