import { z } from 'zod';
import { defineAction, SluiceError } from '../../actions/index.js';
import { idOf, pretendToWork } from './pretend.js';

export const reserve = defineAction({
  id: 'inventory.reserve',
  version: 1,
  description: 'Reserves stock for a line of an order.',
  input: z.strictObject({ orderId: z.string(), sku: z.string(), quantity: z.int().positive() }),
  output: z.object({ reservationId: z.string(), sku: z.string(), quantity: z.int() }),
  async run({ sku, quantity }, context) {
    await pretendToWork(context, 30);
    if (sku.startsWith('SOLDOUT-')) {
      throw new SluiceError('OUT_OF_STOCK', `${sku} is sold out`, {
        retryable: false,
        details: { sku, available: 0 },
      });
    }
    const reservationId = idOf('rsv', context);
    context.artifact(reservationId);
    return { reservationId, sku, quantity };
  },
});

export const release = defineAction({
  id: 'inventory.release',
  version: 1,
  description: 'Releases reserved stock.',
  input: z.strictObject({ orderId: z.string(), reservationIds: z.array(z.string()) }),
  output: z.object({ released: z.int() }),
  async run({ reservationIds }, context) {
    await pretendToWork(context, 20);
    return { released: reservationIds.length };
  },
});
