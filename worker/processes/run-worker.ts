/**
 * The life of a worker process: open, poll until told to stop, close in the reverse order.
 *
 * Invariant: everything that was opened is closed, even where the start fails half-way. Otherwise the
 * embedded store would stay locked, and a connection would keep the process alive.
 */
import type { Runtime } from '@temporalio/worker';
import type { Logger } from 'pino';
import { ClosingStack } from '../../contracts/closing-stack.js';
import { watchService } from '../../contracts/services/watch.js';
import { openProjections, type Projections } from '../../projections/index.js';
import type { Environment, SluiceConfig } from '../config/config.js';
import { watchedDatabase } from '../health/database-watch.js';
import { ServiceStates } from '../health/service-states.js';
import { startWorkerHealth } from '../health/worker-health.js';
import { watchMainThread } from '../health/watchdog.js';
import { openSecrets } from '../secrets/secret-grants.js';
import { dataConverterOf } from '../temporal/temporal-connection.js';
import { failureMessagesOf, loadWorkflowBundle } from '../temporal/workflow-bundle.js';
import { installRuntime } from './install-runtime.js';
import { logUnreadable } from './logging.js';
import { endInTime, whenAborted } from './stopping.js';
import { loadRegistry } from './load-registry.js';
import { openPolicies, reloadPolicies } from './open-policies.js';
import { startWorker } from './start-worker.js';

/** When the process ends by force, ms after the actions must have stopped. The docs promise 10 s. */
const END_MARGIN_MS = 9_500;

export interface RunWorkerOptions {
  readonly config: SluiceConfig;
  /** Where `env:` secrets are looked up. */
  readonly env: Environment;
  /** The directory of `sluice.config.ts`. */
  readonly directory: string;
  readonly log: Logger;
  /** Aborted when the worker has to stop. */
  readonly stop: AbortSignal;
  /** Called with a function that reloads the policies, as soon as they can be reloaded. */
  readonly onReload?: (reload: () => Promise<void>) => void;
}

/**
 * Runs a worker until it is told to stop and has stopped.
 * @throws SluiceError of the part that could not be opened
 */
export async function runWorker({
  config,
  env,
  directory,
  log,
  stop,
  onReload,
}: RunWorkerOptions): Promise<void> {
  const opened = new ClosingStack();
  const { shutdownGraceMs, shutdownStopMs, metricsAddress, healthAddress } = config.worker;
  endInTime(stop, shutdownGraceMs + shutdownStopMs + END_MARGIN_MS, log);
  opened.add('Watchdog', watchMainThread(config.stuckMs));
  try {
    const registry = await loadRegistry(config, directory);
    const { secrets, close: closeSecrets } = await openSecrets(config, env, log);
    opened.add('Secrets', closeSecrets);
    const dataConverter = await dataConverterOf(config);
    const authorizer = await openPolicies(config, log);
    onReload?.(async () => void (await reloadPolicies(authorizer, log)));
    const states = new ServiceStates(log);
    if (healthAddress !== undefined) {
      const health = await startWorkerHealth(healthAddress, states, stop);
      opened.add('Health', () => health.close());
    }
    const projections = await openProjections({
      ...watchedDatabase(config, states),
      onUnreadable: logUnreadable(log),
    });
    opened.add('SurrealDB', () => projections.close());
    const schema = watchService(
      'database',
      () => projections.requireSchema(),
      (error) => states.noteSchema(error),
    );
    opened.add('Watch of the schema', () => schema.stop());
    // Just before the first connection: the runtime ends with the last one, and keeps the process alive until
    // then.
    const runtime = installRuntime(log, metricsAddress);
    showStates(states, projections, runtime);
    const worker = await startWorker(
      {
        config,
        projections,
        registry,
        secrets,
        authorizer,
        dataConverter,
        workflowBundle: () => loadWorkflowBundle(failureMessagesOf(dataConverter), runtime.logger),
        log,
        onTemporal: (error) => states.note('temporal', error && { code: error.code, reason: error.message }),
      },
      opened,
    );
    states.begin();
    void whenAborted(stop).then(() => {
      log.info('The worker stops; running actions get the grace time');
      worker.shutDown();
    });
    await worker.ended.catch((error: unknown) => {
      if (!stop.aborted) throw error;
      // A retry of a local activity can outlive the grace time, while a service is away.
      log.warn({ error }, 'The worker did not drain in time; another worker repeats what has not ended');
    });
  } finally {
    await opened.close();
  }
  log.info('The worker has stopped');
}

const UNREADABLE_HELP = 'Rows that the process met and could not read';

/** The states as metrics of the runtime. */
function showStates(
  states: ServiceStates,
  { database }: Pick<Projections, 'database'>,
  { metricMeter: meter }: Runtime,
): void {
  const unit = undefined;
  const gauges = {
    database: meter.createGauge('sluice_database_connected', 'int', unit, '1 while it is connected, else 0'),
    temporal: meter.createGauge('sluice_temporal_connected', 'int', unit, '1 while it answers, else 0'),
  };
  states.showBy(
    (service, connected) => service !== 'redis' && gauges[service].set(connected),
    ['database', 'temporal'],
  );
  const rows = meter.createGauge('sluice_unreadable_rows', 'int', unit, UNREADABLE_HELP);
  database.unreadable.showBy((count) => rows.set(count));
}
