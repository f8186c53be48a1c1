/** An author's idempotency key over two definitions, on a real worker. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import { defineAction } from '../../actions/index.js';
import { withSluice } from '../support/sluice.js';

it('one key over two definitions gives the recorded output for the same work, and refuses other work', async () => {
  const charged: string[] = [];
  const charge = defineAction({
    id: 'test.charge',
    version: 1,
    description: 'Charges an amount.',
    input: z.object({ amount: z.string() }),
    output: z.object({ receipt: z.string() }),
    run({ amount }) {
      charged.push(amount);
      return { receipt: `${amount}, ${charged.length}` };
    },
  });
  await withSluice({ actions: [charge] }, async (sluice) => {
    for (const id of ['first-shop', 'second-shop']) {
      await sluice.publish(`
id: ${id}
version: 1
steps:
  - id: charge
    type: action.call
    action: test.charge
    input: { amount: { $expr: payload.amount } }
    idempotencyKey: charge-of-order-7
    saveAs: vars.charge
result: { $expr: vars.charge }
`);
    }
    const resultOf = async (definition: string, amount: string): Promise<unknown> => {
      const run = await sluice.start(definition, { amount });
      return sluice.client.result(run.workflowId, run.runId);
    };
    const first = await resultOf('first-shop', '10');
    expect(first).toEqual({ receipt: '10, 1' });
    expect(await resultOf('second-shop', '10')).toEqual(first);
    await expect(resultOf('second-shop', '99')).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
    expect(charged).toEqual(['10']);
  });
});
