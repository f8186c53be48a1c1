/**
 * Payments, with the two things that your own actions need most often: a secret, which the definition passes
 * as `{$secret: PAYMENTS_API_KEY}`, and your own row, which commits with the step or not at all.
 */
import { z } from 'zod';
import { defineAction, SluiceError } from '../../actions/index.js';
import { idOf, pretendToWork } from './pretend.js';

const Cents = z.int().positive();

/** The attempt at which the gateway recovers for the card `tok_flaky`. */
const FLAKY_UNTIL_ATTEMPT = 3;

export const charge = defineAction({
  id: 'payments.charge',
  version: 1,
  description: 'Charges a card and writes a row about it.',
  input: z.strictObject({
    orderId: z.string().min(1),
    amountCents: Cents,
    currency: z.string().length(3),
    card: z.string().min(1),
    apiKey: z.string().min(1),
  }),
  output: z.object({ chargeId: z.string(), amountCents: z.int(), status: z.literal('PENDING') }),
  async run({ orderId, amountCents, currency, card }, context) {
    await pretendToWork(context, 60);
    if (card === 'tok_declined') {
      throw new SluiceError('PAYMENT_DECLINED', `The card for order ${orderId} was declined`, {
        retryable: false,
        details: { reason: 'insufficient_funds' },
      });
    }
    if (card === 'tok_flaky' && context.attempt < FLAKY_UNTIL_ATTEMPT) {
      throw new SluiceError('GATEWAY_UNAVAILABLE', 'The payment gateway did not answer');
    }
    const chargeId = idOf('ch', context);
    // The database creates an unknown table; your service would define it in a migration. The id comes from
    // the idempotency key, so a repeated attempt writes the same row again.
    context.writes.add('payment', 'UPSERT type::record("example_payment", $chargeId) CONTENT $payment', {
      chargeId,
      payment: { tenant: context.run.tenant, runId: context.run.runId, orderId, amountCents, currency },
    });
    context.artifact(chargeId);
    return { chargeId, amountCents, status: 'PENDING' as const };
  },
});

export const refund = defineAction({
  id: 'payments.refund',
  version: 1,
  description: 'Refunds a charge.',
  input: z.strictObject({
    chargeId: z.string().min(1),
    amountCents: Cents,
    reason: z.string(),
    apiKey: z.string().min(1),
  }),
  output: z.object({ refundId: z.string(), chargeId: z.string(), amountCents: z.int() }),
  async run({ chargeId, amountCents }, context) {
    await pretendToWork(context, 40);
    return { refundId: idOf('re', context), chargeId, amountCents };
  },
});
