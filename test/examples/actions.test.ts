import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createActionRegistry } from '../../actions/index.js';
import exampleActions from '../../examples/actions/index.js';
import type { ActionContext } from '../../contracts/run/action.js';
import { actionContext } from '../actions/action-context.fixture.js';

const registry = createActionRegistry(exampleActions);

async function run(id: string, input: object, changes: Partial<ActionContext> = {}): Promise<unknown> {
  const action = registry.latest(id);
  return action.output.parse(await action.run(action.input.parse(input), actionContext(changes)));
}

const order = { orderId: 'o-1', currency: 'EUR' };
const payment = { ...order, amountCents: 500, card: 'tok_ok', apiKey: 'key' };

describe('the example actions', () => {
  it('the example actions are those that examples/README.md lists, all of version 1', async () => {
    const readme = await readFile(new URL('../../examples/README.md', import.meta.url), 'utf8');
    const listed = [...readme.matchAll(/^\| `([a-z]+\.[A-Za-z]+)` \|/gm)].map((match) => match[1]);
    expect([...registry.versions.keys()]).toEqual(listed.sort());
    expect(registry.actions.every(({ version }) => version === 1)).toBe(true);
  });

  it('an action gives a repeated attempt the same ids, and another step other ids', async () => {
    const first = await run('payments.charge', payment);
    expect(await run('payments.charge', payment)).toEqual(first);
    expect(await run('payments.charge', payment, { idempotencyKey: 'key-2' })).not.toEqual(first);
  });

  it('orders.validate adds an order up', async () => {
    const lineItems = [
      { sku: 'a', quantity: 2, unitPriceCents: 150 },
      { sku: 'b', quantity: 1, unitPriceCents: 0 },
    ];
    expect(await run('orders.validate', { ...order, lineItems })).toEqual({
      orderId: 'o-1',
      totalCents: 300,
      itemCount: 3,
    });
  });

  it.each([
    [
      'orders.validate',
      { ...order, lineItems: [{ sku: 'a', quantity: 1, unitPriceCents: 0 }] },
      { code: 'ORDER_INVALID', retryable: false },
    ],
    [
      'payments.charge',
      { ...payment, card: 'tok_declined' },
      { code: 'PAYMENT_DECLINED', retryable: false, details: { reason: 'insufficient_funds' } },
    ],
    ['payments.charge', { ...payment, card: 'tok_flaky' }, { code: 'GATEWAY_UNAVAILABLE', retryable: true }],
    [
      'inventory.reserve',
      { orderId: 'o-1', sku: 'SOLDOUT-1', quantity: 1 },
      { code: 'OUT_OF_STOCK', retryable: false, details: { sku: 'SOLDOUT-1', available: 0 } },
    ],
    [
      'shipping.create',
      { orderId: 'o-1', address: { name: 'n', street: 's', city: 'c', country: 'ZZ' }, reservationIds: [] },
      { code: 'ADDRESS_UNDELIVERABLE', retryable: false },
    ],
    ['notifications.send', { to: 'full@x', template: 't' }, { code: 'MAILBOX_FULL', retryable: false }],
    [
      'tickets.notify',
      { ticketId: 't', channel: 'chat', to: 'down@x', message: 'm' },
      { code: 'CHANNEL_DOWN', retryable: true },
    ],
    [
      'ledger.matchRecord',
      { record: { id: 'rec-1', accountId: 'acc-1', amountCents: 1, corrupt: true } },
      { code: 'RECORD_CORRUPT', retryable: false, details: { recordId: 'rec-1' } },
    ],
  ])('%s fails as the table says: %j', async (id, input, error) => {
    await expect(run(id, input)).rejects.toMatchObject(error);
  });

  it('the payment gateway recovers at the third attempt', async () => {
    const flaky = { ...payment, card: 'tok_flaky' };
    await expect(run('payments.charge', flaky, { attempt: 2 })).rejects.toThrow();
    expect(await run('payments.charge', flaky, { attempt: 3 })).toMatchObject({ status: 'PENDING' });
  });

  it('ledger records and balances are those of the table', async () => {
    const { records } = (await run('ledger.fetchRecords', { date: 'd', count: 12, corruptEvery: 5 })) as {
      records: { id: string; corrupt: boolean }[];
    };
    expect(records[11]).toEqual({ id: 'rec-12', accountId: 'acc-2', amountCents: 1_200, corrupt: false });
    expect(records.filter(({ corrupt }) => corrupt).map(({ id }) => id)).toEqual(['rec-5', 'rec-10']);
    const balance = (accountId: string) =>
      run('ledger.fetchBalance', { accountId, date: 'd', expectedCents: 200_000 });
    expect(await balance('acc-1')).toMatchObject({ balanceCents: 200_000 });
    expect(await balance('acc-7')).toMatchObject({ balanceCents: 199_999 });
    expect(await balance('acc-9')).toMatchObject({ balanceCents: 100_000 });
  });

  it('a charge has a ledger row without the key of the gateway', async () => {
    const writes: unknown[][] = [];
    await run('payments.charge', payment, { writes: { add: (...write) => void writes.push(write) } });
    expect(writes.map(([label]) => label)).toEqual(['payment']);
    expect(JSON.stringify(writes)).not.toContain('apiKey');
  });
});
