import { destination } from 'pino';
import type { SluiceConfig } from '../../../worker/config/config.js';
import { createLogger } from '../../../worker/processes/logging.js';
import { loadRegistry } from '../../../worker/processes/load-registry.js';
import { startReconciler } from '../../../worker/reconciler/reconciler.js';
import { connectTemporal, dataConverterOf } from '../../../worker/temporal/temporal-connection.js';
import { requireOwnDatabase } from '../../../worker/temporal/temporal-owner.js';
import { EXIT } from '../../terminal/exit-codes.js';
import type { Terminal } from '../../terminal/terminal.js';
import { AUDITED_IN, recorded, withProjections } from './database.js';

const STANDARD_ERROR = 2;

/**
 * `sluice reconcile`: one pass of the reconciler.
 * @param directory that of `sluice.config.ts`
 * @param options `subject`: who asks, for the audit;
 *   `acceptVanished`: runs that Temporal does not know are ended, however many there are
 * @returns 1 if runs could not be reconciled, or vanished and were left alone
 * @throws SluiceError DATABASE_OF_ANOTHER_TEMPORAL, TEMPORAL_UNAVAILABLE, DATABASE_*
 */
export async function reconcileCommand(
  terminal: Terminal,
  config: SluiceConfig,
  directory: string,
  { acceptVanished = false, subject }: { readonly acceptVanished?: boolean; readonly subject: string },
): Promise<number> {
  const { namespace } = config.temporal;
  const registry = await loadRegistry(config, directory);
  return await withProjections(config, async (projections) => {
    const connection = await connectTemporal(config.temporal);
    try {
      const reconciler = startReconciler({
        connection,
        namespace,
        dataConverter: await dataConverterOf(config),
        taskQueue: config.taskQueue,
        projections,
        log: createLogger(config.logLevel, destination(STANDARD_ERROR)),
        intervalMs: 0,
        acceptVanished,
        latestVersion: (action) => registry.versions.get(action)?.at(-1),
        requireOwn: () => requireOwnDatabase(projections, connection.workflowService, namespace),
      });
      const act = acceptVanished ? 'reconcile.accept-vanished' : 'reconcile';
      const counts = await recorded(projections, { tenant: AUDITED_IN, subject, act, on: [] }, async () => ({
        result: await reconciler.pass(),
        on: [],
      }));
      await reconciler.stop();
      const { looked, closed, resynced, confirmed, failed, vanished } = counts;
      const { tasksTold, tasksEnded, tasksVanished, tasksFailed } = counts;
      terminal.data({
        ...{ looked, closed, resynced, confirmed, failed, vanished },
        ...{ tasksTold, tasksEnded, tasksVanished, tasksFailed },
      });
      terminal.print(
        `${looked} runs looked at: ${closed} ended as Temporal has them, ${resynced} asked to write their rows, ${failed} failed.`,
      );
      if (vanished > 0) {
        terminal.print(
          `${vanished} runs are open here and unknown to Temporal. None of them was ended, because they are a large share. If their histories are gone for good: sluice reconcile --accept-vanished`,
        );
      }
      if (tasksTold + tasksEnded + tasksVanished + tasksFailed > 0) {
        terminal.print(
          `Tasks: ${tasksEnded} ended as Temporal has them, ${tasksTold} told that their run has ended, ${tasksVanished} unknown to Temporal and left alone, ${tasksFailed} failed.`,
        );
      }
      return failed + vanished + tasksFailed + tasksVanished === 0 ? EXIT.ok : EXIT.failed;
    } finally {
      await connection.close();
    }
  });
}
