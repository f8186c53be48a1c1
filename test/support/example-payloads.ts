/** Payloads of the examples and the events that they wait for. */
import type { SluiceClient } from '../../client/index.js';
import type { JsonObject } from '../../contracts/json.js';

const LINE_ITEMS = [
  { sku: 'MUG-BLUE', quantity: 2, unitPriceCents: 1290 },
  { sku: 'TEAPOT-1L', quantity: 1, unitPriceCents: 3900 },
];
const TOTAL_CENTS = 6480;

/** A payload of order-fulfilment. */
export function exampleOrder(orderId: string, more: JsonObject = {}): JsonObject {
  return {
    orderId,
    card: 'tok_visa',
    customer: {
      email: 'ada@shop.example',
      address: { name: 'Ada Lovelace', street: '12 St James Square', city: 'London', country: 'GB' },
    },
    lineItems: LINE_ITEMS,
    ...more,
  };
}

/** Line items of which the second one is sold out. */
export const SOLD_OUT_ITEMS = [
  { sku: 'MUG-BLUE', quantity: 2, unitPriceCents: 1290 },
  { sku: 'SOLDOUT-POT', quantity: 1, unitPriceCents: 3900 },
];

/** The event that the order has been paid. */
export function orderPaid(orderId: string): Parameters<SluiceClient['signalEvent']>[1] {
  return {
    eventId: `settled-${orderId}`,
    source: 'bank',
    eventName: 'PAYMENT_SETTLED',
    correlationKey: orderId,
    payload: { orderId, settledCents: TOTAL_CENTS },
  };
}

/** A payload of ticket-escalation. */
export function exampleTicket(ticketId: string, more: JsonObject = {}): JsonObject {
  return { ticketId, customerEmail: 'ada@example.com', subject: 'Printer on fire', ...more };
}
