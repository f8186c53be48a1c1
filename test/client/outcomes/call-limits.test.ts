/** A Temporal that accepts connections and never answers: every call of a client ends. */
import { Client, Connection } from '@temporalio/client';
import { expect, it } from 'vitest';
import { withCallLimits } from '../../../client/connection/call-limits.js';
import { startProxy } from '../../support/servers/proxy.js';

it('a call to a Temporal that is silent ends by itself, and a caller that has a limit keeps it [every-call-to-a-service-ends]', async () => {
  const proxy = await startProxy(1);
  proxy.silence();
  const connection = Connection.lazy(withCallLimits({ address: `127.0.0.1:${proxy.port}` }, 300));
  const { workflow } = new Client({ connection });
  try {
    const calls = [
      () => workflow.getHandle('any').describe(),
      () => workflow.start('any', { workflowId: 'any', taskQueue: 'any' }),
      () => connection.withDeadline(Date.now() + 10, () => workflow.getHandle('any').cancel()),
    ];
    for (const call of calls) {
      await expect(call()).rejects.toMatchObject({ cause: { code: 4 } });
    }
  } finally {
    await connection.close();
    await proxy.close();
  }
});
