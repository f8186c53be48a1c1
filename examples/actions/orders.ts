import { z } from 'zod';
import { defineAction, SluiceError } from '../../actions/index.js';
import { pretendToWork } from './pretend.js';

const LineItem = z.object({
  sku: z.string().min(1),
  quantity: z.int().positive(),
  unitPriceCents: z.int().nonnegative(),
});

export const validateOrder = defineAction({
  id: 'orders.validate',
  version: 1,
  description: 'Checks an order and adds it up.',
  input: z.strictObject({
    orderId: z.string().min(1),
    currency: z.string().length(3),
    lineItems: z.array(LineItem).nonempty(),
  }),
  output: z.object({ orderId: z.string(), totalCents: z.int(), itemCount: z.int() }),
  async run({ orderId, lineItems }, context) {
    await pretendToWork(context, 20);
    const totalCents = lineItems.reduce((sum, item) => sum + item.quantity * item.unitPriceCents, 0);
    if (totalCents === 0) {
      throw new SluiceError('ORDER_INVALID', `Order ${orderId} costs nothing`, { retryable: false });
    }
    return { orderId, totalCents, itemCount: lineItems.reduce((sum, item) => sum + item.quantity, 0) };
  },
});
