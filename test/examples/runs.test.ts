/** Every path of the examples, run on a real Temporal server with their own actions. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../contracts/json.js';
import type { StartedRun } from '../../client/index.js';
import { taskId } from '../../contracts/naming/workflow-id.js';
import { useSluice } from '../support/sluice.js';
import { waitFor } from '../support/wait-for.js';

const sluice = useSluice({ secrets: { PAYMENTS_API_KEY: 'key-of-the-test' } });

beforeAll(async () => {
  for (const name of [
    'order-fulfilment',
    'ticket-escalation',
    'account-reconciliation',
    'nightly-reconciliation',
    'document-approval',
  ]) {
    await sluice().publish(readFileSync(new URL(`../../examples/${name}.yaml`, import.meta.url), 'utf8'));
  }
});

const state = async (run: StartedRun) => (await sluice().client.state(run.workflowId)).state;

const failure = (run: StartedRun) =>
  sluice()
    .result(run)
    .then(
      () => undefined,
      (error: unknown) => error,
    );

/** Actions that undid something, in their order. */
const undone = async (run: StartedRun) =>
  (await sluice().projections.reads.listSteps(sluice().tenant, run.runId)).items.flatMap(
    ({ kind, status, action }) => (kind === 'compensation' && status === 'SUCCEEDED' ? [action] : []),
  );

describe('document-approval', () => {
  it('two reviewers approve what was changed at their request, and who asked is not one of them', async () => {
    const { tenant, client } = sluice();
    const run = await sluice().start('document-approval', { document: 'handbook', title: 'Handbook' });
    const { item } = await waitFor(async () => (await sluice().projections.tasks.list(tenant)).items[0]);
    const act = (action: string, actor: string) =>
      client.temporal.workflow
        .getHandle(taskId(tenant, item))
        .executeUpdate('task', { args: [{ action, actor, roles: ['reviewer'], reason: 'so' }] });
    await act('claim', 'anna');
    await act('request_change', 'anna');
    await act('resubmit', 'test');
    await act('approve', 'anna');
    await expect(act('approve', 'test')).rejects.toMatchObject({ cause: { type: 'TASK_FORBIDDEN' } });
    await act('approve', 'bob');
    expect(await sluice().result(run)).toEqual({
      ...{ document: 'handbook', outcome: 'approve', by: ['anna', 'bob'] },
    });
  });
});

describe('order-fulfilment', () => {
  const order = (orderId: string, changes: JsonObject = {}): Json => ({
    orderId,
    card: 'tok_visa',
    customer: {
      email: 'ada@example.com',
      address: { name: 'Ada', street: '1 Main St', city: 'London', country: 'GB' },
    },
    lineItems: [
      { sku: 'MUG', quantity: 2, unitPriceCents: 1_290 },
      { sku: 'POT', quantity: 1, unitPriceCents: 4_900 },
    ],
    ...changes,
  });
  const settled = (orderId: string, settledCents: number) => ({
    eventName: 'PAYMENT_SETTLED',
    correlationKey: orderId,
    payload: { orderId, settledCents },
  });

  it('an order ships when its payment settles; a payment that is too small settles nothing', async () => {
    const run = await sluice().start('order-fulfilment', order('o-1'));
    await sluice().waiting(run);
    expect(await state(run)).toBe('AWAITING_SETTLEMENT');
    await sluice().signal(run, settled('o-1', 7_479));
    await sluice().signal(run, settled('another-order', 7_480));
    await sluice().signal(run, settled('o-1', 7_480));
    expect(await sluice().result(run)).toEqual({
      orderId: 'o-1',
      state: 'SHIPPED',
      chargeId: expect.stringMatching(/^ch_/) as string,
      shipmentId: expect.any(String) as string,
      trackingNumber: expect.any(String) as string,
      reservationIds: [expect.any(String), expect.any(String)],
    });
    expect(await state(run)).toBe('SHIPPED');
  });

  it('an order of one line has a list of one reservation, and accepts a settlement that arrived early', async () => {
    const lineItems = [{ sku: 'MUG', quantity: 1, unitPriceCents: 5 }];
    const run = await sluice().start('order-fulfilment', order('o-2', { lineItems }));
    await sluice().signal(run, settled('o-2', 5));
    expect(await sluice().result(run)).toMatchObject({ reservationIds: [expect.any(String)] });
  });

  it('an order tries a flaky gateway again', async () => {
    const run = await sluice().start('order-fulfilment', order('o-3', { card: 'tok_flaky' }));
    await sluice().signal(run, settled('o-3', 7_480));
    expect(await sluice().result(run)).toMatchObject({ state: 'SHIPPED' });
  });

  it('an order fails with the code and details of a declined card, and nothing is refunded', async () => {
    const run = await sluice().start('order-fulfilment', order('o-4', { card: 'tok_declined' }));
    expect(await failure(run)).toMatchObject({
      code: 'PAYMENT_DECLINED',
      details: { reason: 'insufficient_funds' },
    });
    expect(await state(run)).toBe('CANCELLED');
    expect(await undone(run)).toEqual([]);
  });

  it('an order with a later line sold out releases its reservations and refunds the charge', async () => {
    const lineItems = [
      { sku: 'MUG', quantity: 1, unitPriceCents: 5 },
      { sku: 'SOLDOUT-POT', quantity: 1, unitPriceCents: 5 },
    ];
    const run = await sluice().start('order-fulfilment', order('o-5', { lineItems }));
    expect(await failure(run)).toMatchObject({
      code: 'OUT_OF_STOCK',
      details: { sku: 'SOLDOUT-POT', available: 0 },
    });
    expect(await undone(run)).toEqual(['inventory.release', 'payments.refund']);
  });

  it('an order whose payment does not settle in time succeeds as UNSETTLED and is refunded', async () => {
    const run = await sluice().start('order-fulfilment', order('o-6', { settlementTimeoutMs: 200 }));
    expect(await sluice().result(run)).toEqual({ orderId: 'o-6', state: 'UNSETTLED' });
    expect(await undone(run)).toEqual(['inventory.release', 'inventory.release', 'payments.refund']);
  });

  it('an order that no carrier accepts is compensated: each item is released, the last first, then the charge refunded', async () => {
    const customer = {
      email: 'ada@example.com',
      address: { name: 'Ada', street: '1 Main St', city: 'Nowhere', country: 'ZZ' },
    };
    const run = await sluice().start('order-fulfilment', order('o-8', { customer }));
    await sluice().signal(run, settled('o-8', 7_480));
    expect(await failure(run)).toMatchObject({ code: 'ADDRESS_UNDELIVERABLE' });
    expect(await undone(run)).toEqual(['inventory.release', 'inventory.release', 'payments.refund']);
  });

  it('an order with an invalid payload is refused before any action runs', async () => {
    await expect(sluice().start('order-fulfilment', { orderId: 'o-7' })).rejects.toMatchObject({
      code: 'PAYLOAD_INVALID',
      details: {
        problems: [
          { path: '$.customer', message: 'is missing' },
          { path: '$.card', message: 'is missing' },
          { path: '$.lineItems', message: 'is missing' },
        ],
      },
    });
  });
});

describe('ticket-escalation', () => {
  const ticket = (ticketId: string, changes: JsonObject = {}): Json => ({
    ticketId,
    customerEmail: 'ada@example.com',
    subject: 'Printer on fire',
    ...changes,
  });

  it('a ticket that is answered at the first level is closed', async () => {
    const run = await sluice().start('ticket-escalation', ticket('t-1'));
    await sluice().waiting(run, 3);
    expect(await state(run)).toBe('OPEN');
    await sluice().signal(run, {
      eventName: 'TICKET_REPLIED',
      correlationKey: 't-1',
      payload: { from: 'grace', text: 'use water' },
    });
    expect(await sluice().result(run)).toEqual({
      ticketId: 't-1',
      state: 'RESOLVED',
      level: 1,
      repliedBy: 'grace',
    });
    expect(await state(run)).toBe('RESOLVED');
  });

  it('an unanswered ticket is escalated level by level to a manager, although one channel is down', async () => {
    const run = await sluice().start(
      'ticket-escalation',
      ticket('t-2', { deadlineMs: 400, reminderMs: 100, reminders: 2, pager: 'down@pager' }),
    );
    expect(await sluice().result(run)).toEqual({
      ticketId: 't-2',
      state: 'UNANSWERED',
      level: 3,
      unreached: ['on-call'],
    });
    expect(await state(run)).toBe('UNANSWERED');
  });

  it('a ticket can be answered at a higher level', async () => {
    const run = await sluice().start('ticket-escalation', ticket('t-3', { deadlineMs: 3_000, levels: 2 }));
    await expect.poll(() => state(run), { timeout: 20_000 }).toBe('ESCALATED_2');
    await sluice().signal(run, { eventName: 'TICKET_CLOSED', correlationKey: 't-3', payload: {} });
    expect(await sluice().result(run)).toMatchObject({ state: 'RESOLVED', level: 2, repliedBy: 'unknown' });
  });
});

/** 200 activities and 10 children: seconds on an idle machine, and a multiple of that on a busy one. */
const NIGHT_MS = 90_000;

describe('nightly-reconciliation', { timeout: NIGHT_MS }, () => {
  it('the nightly run matches 200 records, notes the corrupt ones, and reconciles each account in a child', async () => {
    const run = await sluice().start('nightly-reconciliation', { date: '2026-03-01' });
    const result = (await sluice().result(run)) as JsonObject & {
      accounts: readonly { accountId: string; status: string }[];
    };
    expect(result).toMatchObject({
      date: '2026-03-01',
      records: 200,
      matched: 196,
      corrupt: 4,
      open: ['acc-9'],
    });
    expect(result.accounts.map(({ accountId, status }) => `${accountId} ${status}`)).toEqual([
      'acc-0 BALANCED',
      'acc-1 BALANCED',
      'acc-2 BALANCED',
      'acc-3 BALANCED',
      'acc-4 BALANCED',
      'acc-5 BALANCED',
      'acc-6 BALANCED',
      'acc-7 ROUNDED',
      'acc-8 BALANCED',
      'acc-9 OPEN',
    ]);
    expect(await state(run)).toBe('NEEDS_ATTENTION');
  });

  it('the nightly run of a day without records succeeds with an empty result', async () => {
    const run = await sluice().start('nightly-reconciliation', { date: '2026-03-02', recordCount: 0 });
    expect(await sluice().result(run)).toEqual({
      date: '2026-03-02',
      records: 0,
      matched: 0,
      corrupt: 0,
      accounts: [],
      open: [],
    });
    expect(await state(run)).toBe('BALANCED');
  });

  it('the nightly run of a single record gets a list of one', async () => {
    const run = await sluice().start('nightly-reconciliation', { date: '2026-03-03', recordCount: 1 });
    expect(await sluice().result(run)).toMatchObject({
      matched: 1,
      accounts: [{ accountId: 'acc-1', status: 'BALANCED' }],
    });
  });
});

describe('account-reconciliation on its own', () => {
  it('an account that is out of balance fails with its own code and details', async () => {
    const run = await sluice().start('account-reconciliation', {
      accountId: 'acc-9',
      date: '2026-03-01',
      expectedCents: 500_000,
    });
    expect(await failure(run)).toMatchObject({
      code: 'ACCOUNT_OUT_OF_BALANCE',
      message: 'acc-9 differs by 100000 cents',
      details: { accountId: 'acc-9', differenceCents: 100_000 },
    });
  });
});
