/** An action that kills each worker that runs it: its step fails, and the other runs go on. */
import { expect, it } from 'vitest';
import { LIMITS } from '../../../contracts/limits.js';
import { Stack } from '../stack.js';

const deadly = (local: boolean): string => `
id: deadly
version: 1
steps:
  - id: crash
    type: action.call
    action: test.crash
    local: ${local}
    heartbeatMs: 1000
    compensate: { action: test.effect, input: { undoes: { $expr: error.code } }, onFailure: true }
`;

it.each([
  { kind: 'an action', local: false, deaths: LIMITS.lostWorkers },
  { kind: 'a local action', local: true, deaths: 1 + LIMITS.lostWorkers },
])(
  '$kind that kills its workers fails with WORKER_LOST after a bounded number of them, and is compensated [a-deadly-action-is-bounded]',
  { timeout: 600_000 },
  async ({ local, deaths }) => {
    await Stack.with({}, async (stack) => {
      let worker = await stack.startWorker();
      await stack.client.publishDefinition(deadly(local));
      const run = await stack.client.start('deadly', {}, { workflowId: 'deadly' });
      for (let death = 0; death < deaths; death++) {
        expect(await worker.ended()).toBeNull();
        worker = await stack.startWorker();
      }
      expect(await stack.end(run)).toEqual({ failed: 'WORKER_LOST', details: { lost: LIMITS.lostWorkers } });
      const acts = stack.effects.reported.filter(({ point }) => point === 'acts');
      expect(acts.map(({ action }) => action)).toEqual([
        ...Array.from({ length: deaths }, () => 'test.crash'),
        'test.effect',
      ]);
      const ledger = await stack.rows(worker, ({ reads }) => reads.listInvocations('default', run.runId));
      expect(ledger[0]).toMatchObject({ status: 'FAILED', error: { code: 'WORKER_LOST' }, lease: null });
    });
  },
);
