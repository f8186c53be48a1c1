/** Invariant [secrets-stay-out]: the real example in the real worker process leaves no secret anywhere. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSluiceClient } from '../../client/index.js';
import { connect } from '../../projections/index.js';
import { suiteBundle, suiteTemporal } from '../support/services.js';
import { waitFor } from '../support/wait-for.js';
import { startMain } from '../worker/main-process.js';

const SECRET = 'sk_live_9f3a"0c81\\d2b4';
/** Its forms in text, in JSON, in JSON within JSON, in a URL and in base64. */
const FORMS = [
  SECRET,
  JSON.stringify(SECRET).slice(1, -1),
  JSON.stringify(JSON.stringify(SECRET)).slice(3, -3),
  encodeURIComponent(SECRET),
  Buffer.from(SECRET).toString('base64').slice(0, 20),
];

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-secret-'));
  await suiteBundle();
});
afterAll(() => rm(directory, { recursive: true, force: true }));

it('the key of the payment gateway is in no history, no table and no log [secrets-stay-out]', async () => {
  const { address, namespace } = await suiteTemporal();
  const taskQueue = `secret-${randomUUID()}`;
  const url = `surrealkv://${join(directory, 'db')}`;
  const worker = startMain({
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
    SLUICE_TASK_QUEUE: taskQueue,
    SLUICE_LOG_LEVEL: 'trace',
    SLUICE_SECRET_PAYMENTS_API_KEY: SECRET,
    SURREAL_URL: url,
  });
  await waitFor(() => worker.lines().some(({ msg }) => msg === 'The worker polls'));
  const client = await createSluiceClient({ address, namespace, taskQueue, tenant: 'secret', actor: 'test' });
  let history: string;
  try {
    await client.publishDefinition(
      await readFile(new URL('../../examples/order-fulfilment.yaml', import.meta.url), 'utf8'),
    );
    const run = await client.start('order-fulfilment', {
      orderId: 'o-1',
      card: 'tok_visa',
      customer: {
        email: 'ada@shop.example',
        address: { name: 'Ada', street: '12 St James Square', city: 'London', country: 'GB' },
      },
      lineItems: [{ sku: 'MUG', quantity: 1, unitPriceCents: 1290 }],
    });
    await client.signalEvent(run.workflowId, {
      eventId: 'settled',
      source: 'bank',
      eventName: 'PAYMENT_SETTLED',
      correlationKey: 'o-1',
      payload: { orderId: 'o-1', settledCents: 1290 },
    });
    expect(await client.result(run.workflowId, run.runId)).toMatchObject({ state: 'SHIPPED' });
    history = textsOf(await client.temporal.workflow.getHandle(run.workflowId).fetchHistory()).join('\n');
  } finally {
    await client.close();
  }
  worker.child.kill('SIGTERM');
  expect(await worker.exited).toBe(0);

  const tables = await dump(url);
  const log = JSON.stringify(worker.lines()) + worker.errors();
  for (const [place, text] of Object.entries({ history, tables, log })) {
    for (const form of FORMS) expect(text.includes(form), `the secret in the ${place}`).toBe(false);
  }
  // The search read the right places: they contain the secret's name, not its value.
  for (const text of [history, tables]) expect(text).toContain('PAYMENTS_API_KEY');
  expect(tables).toContain('example_payment');
  expect(log).toContain('payments.charge');
}, 60_000);

/** Every string and every payload in a value, decoded. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (value instanceof Uint8Array) return [Buffer.from(value).toString('utf8')];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(textsOf);
}

/** Everything in the database. */
async function dump(url: string): Promise<string> {
  const database = await connect({ url });
  try {
    const [info] = await database.request('INFO FOR DB');
    const names = info?.ok === true ? Object.keys((info.value as { tables: object }).tables) : [];
    expect(names.length).toBeGreaterThan(5);
    return JSON.stringify(await database.request(names.map((name) => `SELECT * FROM ${name}`).join(';')));
  } finally {
    await database.close();
  }
}
