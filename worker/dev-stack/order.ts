/**
 * The order that `npm start` runs, and the payment provider that it plays: the example waits for an event
 * that otherwise comes from outside.
 */
import { ProgressPrinter, type SluiceClient } from '../../client/index.js';
import type { Json } from '../../contracts/json.js';

/** The definition of `examples/` that `npm start` shows. */
export const DEMO_DEFINITION = 'order-fulfilment';

const LINE_ITEMS = [
  { sku: 'MUG-BLUE', quantity: 2, unitPriceCents: 1290 },
  { sku: 'TEAPOT-1L', quantity: 1, unitPriceCents: 3900 },
  { sku: 'TEA-ASSAM-250', quantity: 1, unitPriceCents: 1000 },
];

/** The price of the order, in cents. */
const TOTAL_CENTS = LINE_ITEMS.reduce(
  (sum, { quantity, unitPriceCents }) => sum + quantity * unitPriceCents,
  0,
);

/** A payload for {@link DEMO_DEFINITION}. */
function demoOrder(orderId: string): Json {
  return {
    orderId,
    card: 'tok_visa',
    customer: {
      email: 'ada@shop.example',
      address: { name: 'Ada Lovelace', street: '12 St James Square', city: 'London', country: 'GB' },
    },
    lineItems: LINE_ITEMS,
  };
}

/** The event of a payment provider for a paid order, as payload of the signal `event`. */
function paymentSettled(orderId: string): {
  eventId: string;
  source: string;
  eventName: string;
  correlationKey: string;
  payload: Json;
} {
  return {
    eventId: `settled-${orderId}`,
    source: 'bank',
    eventName: 'PAYMENT_SETTLED',
    correlationKey: orderId,
    payload: { orderId, settledCents: TOTAL_CENTS },
  };
}

export interface DemoOptions {
  readonly client: SluiceClient;
  readonly orderId: string;
  /** Version of the definition; undefined: the latest one. */
  readonly version: number | undefined;
  /** Takes lines with colours. */
  readonly print: (line: string) => void;
  readonly color: boolean;
  /** Aborted when the user wants to stop: the run stays as it is. */
  readonly signal: AbortSignal;
}

/**
 * Runs one order, with its progress as it happens.
 * @returns the run's result; undefined where the user stopped it
 * @throws SluiceError the run's error where it did not succeed
 */
export async function runDemoOrder(options: DemoOptions): Promise<Json | undefined> {
  const { client, orderId, version, print, color, signal } = options;
  const { workflowId } = await client.start(DEMO_DEFINITION, demoOrder(orderId), {
    workflowId: `${DEMO_DEFINITION}/${orderId}`,
    correlationKeys: [orderId],
    ...(version !== undefined && { version }),
  });
  const printer = new ProgressPrinter({ write: print, color });
  try {
    for await (const line of client.follow(workflowId, { signal })) {
      printer.add(line);
      const event = paymentSettled(orderId);
      if (line.type === 'WAIT_OPENED' && line.detail === event.eventName) {
        print(`            (npm start plays the payment provider and sends ${event.eventName} now)`);
        await client.signalEvent(workflowId, event);
      }
    }
  } finally {
    printer.end();
  }
  return signal.aborted ? undefined : client.result(workflowId);
}
