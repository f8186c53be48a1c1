/** Many runs that Temporal does not know at once, and the letters of runs whose history may not be gone. */
import { pino } from 'pino';
import { NativeConnection } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineAction } from '../../../actions/index.js';
import type { StartedRun } from '../../../client/index.js';
import { startReconciler } from '../../../worker/reconciler/reconciler.js';
import type { SluiceTest } from '../../support/sluice.js';
import { waitFor } from '../../support/wait-for.js';
import { seen, withWorld } from './world.js';

const RUNS = 12;
const LIMIT_MS = 90_000;

function payments() {
  const refunds: string[] = [];
  const pay = defineAction({
    id: 'test.pay',
    version: 1,
    description: 'Takes a payment.',
    input: z.object({ id: z.string() }),
    output: z.object({ id: z.string() }),
    run: ({ id }) => ({ id }),
  });
  const refund = defineAction({
    id: 'test.refund',
    version: 1,
    description: 'Gives it back.',
    input: z.object({ id: z.string() }),
    output: z.null(),
    run({ id }) {
      refunds.push(id);
      return null;
    },
  });
  return { refunds, actions: [pay, refund] };
}

const PAYS = `
id: pays
version: 1
steps:
  - id: pay
    type: action.call
    action: test.pay
    input: { id: { $expr: payload.id } }
    compensate: { action: test.refund, input: { id: { $expr: output.id } } }
  - { id: w, type: event.wait, eventName: NEVER }
`;

/** Starts runs that have paid and wait. */
async function startPaying(sluice: SluiceTest, count: number): Promise<readonly StartedRun[]> {
  await sluice.publish(PAYS);
  const ids = Array.from({ length: count }, (_, i) => `p-${i}`);
  const runs = await Promise.all(ids.map((id) => sluice.start('pays', { id })));
  for (const run of runs) await sluice.waiting(run);
  return runs;
}

/** Deletes their histories, as a Temporal that was restored from an old backup has lost them. */
async function forget({ client, temporal }: SluiceTest, runs: readonly StartedRun[]): Promise<void> {
  const { workflow } = client.temporal;
  await Promise.all(
    runs.map(async ({ workflowId, runId }) => {
      const request = { namespace: temporal.namespace, workflowExecution: { workflowId, runId } };
      await workflow.workflowService.deleteWorkflowExecution(request);
      await waitFor(() =>
        workflow
          .getHandle(workflowId, runId)
          .describe()
          .then(
            () => false,
            () => true,
          ),
      );
    }),
  );
}

const statuses = (sluice: SluiceTest, runs: readonly StartedRun[]) =>
  Promise.all(runs.map(async (run) => (await seen(sluice, run)).status));

describe('runs that Temporal does not know', () => {
  it(
    'a large share of runs that vanishes at once is left alone until a person accepts it [a-database-has-one-temporal]',
    async () => {
      const { actions, refunds } = payments();
      await withWorld({ actions }, async ({ sluice, reconciler }) => {
        const runs = await startPaying(sluice, RUNS);
        await forget(sluice, runs);
        const waiting = runs.map(() => 'WAITING');
        for (let passes = 0; passes < 2; passes++) {
          expect(await reconciler.pass()).toMatchObject({ vanished: RUNS, closed: 0, failed: 0 });
          expect(await statuses(sluice, runs)).toEqual(waiting);
        }
        expect((await sluice.client.deadLetters.list()).items).toEqual([]);

        const { address, namespace } = sluice.temporal;
        const connection = await NativeConnection.connect({ address });
        const accepting = startReconciler({
          ...{ connection, namespace, taskQueue: sluice.taskQueue, projections: sluice.projections },
          log: pino({ level: 'silent' }),
          ...{ intervalMs: 0, graceMs: 0, latestVersion: () => 1, acceptVanished: true },
        });
        expect(await accepting.pass()).toMatchObject({ vanished: 0, closed: RUNS });
        await accepting.stop();
        await connection.close();
        expect(await statuses(sluice, runs)).toEqual(runs.map(() => 'INTERRUPTED'));
        expect(refunds).toEqual([]);
      });
    },
    LIMIT_MS,
  );

  it(
    'a small share that vanishes is ended, and its letters undo nothing before a person has confirmed that the history is gone',
    async () => {
      const { actions, refunds } = payments();
      await withWorld({ actions }, async ({ sluice, reconciler }) => {
        const [gone, ...others] = await startPaying(sluice, 3);
        if (gone === undefined) throw new Error('no run');
        await forget(sluice, [gone]);
        await waitFor(async () => {
          await reconciler.pass();
          return (await seen(sluice, gone)).status === 'INTERRUPTED';
        });
        expect(await statuses(sluice, others)).toEqual(['WAITING', 'WAITING']);

        const { deadLetters } = sluice.client;
        const { items } = await deadLetters.list({ runId: gone.runId });
        expect(items.map(({ subject }) => subject)).toEqual(['test.refund of pay']);
        const id = items[0]?.id ?? '';
        await expect(deadLetters.retry(id)).rejects.toMatchObject({
          code: 'DEAD_LETTER_UNCONFIRMED',
          message: expect.stringContaining('INTERRUPTED') as unknown,
        });
        const refused = await deadLetters.show(id);
        expect(refused).toMatchObject({ status: 'OPEN', acts: [] });
        expect(refunds).toEqual([]);

        expect(await deadLetters.retry(id, { historyGone: true, note: 'looked at both' })).toBe('RETRIED');
        expect(refunds).toEqual(['p-0']);
        expect((await deadLetters.show(id)).acts[0]).toMatchObject({
          act: 'retry',
          note: 'looked at both; the history of the run was confirmed to be gone',
        });
      });
    },
    LIMIT_MS,
  );
});
