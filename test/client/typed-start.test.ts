/** A client that knows its payloads: what does not fit does not compile (`npx tsc` looks at this file). */
import { expect, it } from 'vitest';
import { createSluiceClient } from '../../client/index.js';
import { suiteTemporal } from '../support/services.js';

interface Payloads {
  readonly order: { readonly orderId: string; readonly cents?: number };
}

it('takes the payload of each definition, and no other', async () => {
  const client = await createSluiceClient<Payloads>({
    ...(await suiteTemporal()),
    taskQueue: 'nobody-types',
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
