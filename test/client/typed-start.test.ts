/** A client with typed payloads: a payload of another type does not compile (`npx tsc` checks this file). */
import { expect, it } from 'vitest';
import { createSluiceClient } from '../../client/index.js';
import { suiteTemporal } from '../support/services.js';

interface Payloads {
  readonly order: { readonly orderId: string; readonly cents?: number };
}

it('a typed client accepts the payload of each definition, and no other payload', async () => {
  const client = await createSluiceClient<Payloads>({
    ...(await suiteTemporal()),
    taskQueue: 'unpolled-types',
  });
  const { workflowId } = await client.start('order', { orderId: 'o-1' });
  expect(workflowId).toMatch(/^order\//);
  await client.terminate(workflowId);
  const wrong = [
    // @ts-expect-error another type
    () => client.start('order', { orderId: 1 }),
    // @ts-expect-error a key is missing
    () => client.start('order', {}),
    // @ts-expect-error no such definition
    () => client.start('ordr', { orderId: 'o-1' }),
  ];
  expect(wrong).toHaveLength(3);
  await client.close();
});
