import { z } from 'zod';
import { defineAction, SluiceError } from '../../actions/index.js';
import { idOf, pretendToWork } from './pretend.js';

const Address = z.object({
  name: z.string(),
  street: z.string(),
  city: z.string(),
  country: z.string().length(2),
});

export const createShipment = defineAction({
  id: 'shipping.create',
  version: 1,
  description: 'Hands an order to a carrier.',
  input: z.strictObject({ orderId: z.string(), address: Address, reservationIds: z.array(z.string()) }),
  output: z.object({ shipmentId: z.string(), carrier: z.string(), trackingNumber: z.string() }),
  async run({ address }, context) {
    await pretendToWork(context, 50);
    if (address.country === 'ZZ') {
      throw new SluiceError('ADDRESS_UNDELIVERABLE', `No carrier delivers to ${address.country}`, {
        retryable: false,
      });
    }
    const shipmentId = idOf('shp', context);
    context.artifact(shipmentId);
    return { shipmentId, carrier: 'example-post', trackingNumber: idOf('EX', context).toUpperCase() };
  },
});
