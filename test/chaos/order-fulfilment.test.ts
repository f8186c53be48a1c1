import { describe, it } from 'vitest';
import { exampleOrder, orderPaid, SOLD_OUT_ITEMS } from '../support/example-payloads.js';
import { type GoesDown, goesDown, type Kind, killed, stopped } from './goes-down.js';

const LIMIT_MS = 600_000;

/** Sent the payment at once: a wait that opens later takes it. */
const paid: Kind = {
  async start({ client }, workflowId) {
    const run = await client.start('order-fulfilment', exampleOrder(workflowId), { workflowId });
    await client.signalEvent(workflowId, orderPaid(workflowId));
    return run;
  },
};
const paidLate: Kind = {
  start: ({ client }, workflowId) =>
    client.start('order-fulfilment', exampleOrder(workflowId), { workflowId }),
  finish: ({ client }, { workflowId }) => client.signalEvent(workflowId, orderPaid(workflowId)),
};
const soldOut: Kind = {
  start: ({ client }, workflowId) =>
    client.start('order-fulfilment', exampleOrder(workflowId, { lineItems: SOLD_OUT_ITEMS }), { workflowId }),
};

const order: Omit<GoesDown, 'down'> = {
  files: ['examples/order-fulfilment.yaml'],
  undisturbed: { shipped: paid, failed: soldOut },
  disturbed: {
    'the charge begins': {
      kind: paid,
      like: 'shipped',
      at: ({ point, action }) => point === 'acts' && action === 'payments.charge',
    },
    'the charge was made': {
      kind: paid,
      like: 'shipped',
      at: ({ point, action }) => point === 'acted' && action === 'payments.charge',
    },
    'the second line is reserved': {
      kind: paid,
      like: 'shipped',
      at: ({ point, action, iteration }) =>
        point === 'acts' && action === 'inventory.reserve' && iteration[0] === 1,
    },
    'the order waits': { kind: paidLate, like: 'shipped', waitsAt: ['settlement'] },
    'the parcel was handed over': {
      kind: paid,
      like: 'shipped',
      at: ({ point, action }) => point === 'acted' && action === 'shipping.create',
    },
    'the log is written in finally': {
      kind: paid,
      like: 'shipped',
      at: ({ point, step }) => point === 'acts' && step === 'audit',
    },
    'the stock is released': {
      kind: soldOut,
      like: 'failed',
      at: ({ point, action }) => point === 'acts' && action === 'inventory.release',
    },
    'the refund was made': {
      kind: soldOut,
      like: 'failed',
      at: ({ point, action }) => point === 'acted' && action === 'payments.refund',
    },
  },
};

describe('order-fulfilment [deployments-fail-no-run]', () => {
  it(
    'an order ends as an undisturbed one when its worker is killed in actions, waits and clean-up, without a retry policy',
    () => goesDown({ ...order, change: { retry: false }, down: killed }),
    LIMIT_MS,
  );

  it(
    'an order ends as an undisturbed one when a deployment stops its worker at the same points',
    () => goesDown({ ...order, down: stopped }),
    LIMIT_MS,
  );
});
