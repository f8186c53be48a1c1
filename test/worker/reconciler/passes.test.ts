/** The reconciler of a worker process, on its own schedule. */
import { NativeConnection } from '@temporalio/worker';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { waitFor } from '../../support/wait-for.js';
import { type Reconciler, startReconciler } from '../../../worker/reconciler/reconciler.js';
import { seen, withWorld } from './world.js';

it('the reconciler makes its passes by itself, continues after one that failed, and stops when told to', () =>
  withWorld({}, async ({ sluice, temporal }) => {
    const connection = await NativeConnection.connect({ address: sluice.temporal.address });
    const lines: string[] = [];
    const log = pino({ level: 'debug' }, { write: (line: string) => lines.push(line) });
    const reconcilers: Reconciler[] = [];
    let broken = true;
    const { projections } = sluice;
    const reconciliation: typeof projections.reconciliation = {
      ...projections.reconciliation,
      watchedRuns: (...args) =>
        broken ? Promise.reject(new Error('away')) : projections.reconciliation.watchedRuns(...args),
    };
    try {
      for (let n = 0; n < 2; n++) {
        reconcilers.push(
          startReconciler({
            connection,
            namespace: sluice.temporal.namespace,
            taskQueue: sluice.taskQueue,
            projections: { ...projections, reconciliation },
            log,
            intervalMs: 50,
            graceMs: 0,
          }),
        );
      }
      await waitFor(() => lines.some((line) => line.includes('A reconciler pass failed')));
      broken = false;
      const run = await sluice.startSource(
        '{"id":"waits","version":1,"steps":[{"id":"w","type":"event.wait","eventName":"PAID"}]}',
      );
      await sluice.waiting(run);
      await temporal('workflow', 'terminate', '--workflow-id', run.workflowId);
      await waitFor(async () => (await seen(sluice, run)).status === 'TERMINATED');
      expect((await seen(sluice, run)).reconciled).toHaveLength(1);
      await waitFor(() => lines.some((line) => line.includes('Run closed by the reconciler')));
    } finally {
      await Promise.all(reconcilers.map((reconciler) => reconciler.stop()));
      await connection.close();
    }
  }));
