/**
 * The life of a worker process: open, poll until told to stop, close in the other order.
 *
 * Invariant: whatever was opened is closed, also where the start fails half-way, or the embedded store would
 * stay locked and a connection would keep the process alive.
 */
import { Runtime } from '@temporalio/worker';
import type { Logger } from 'pino';
import { openProjections } from '../../projections/index.js';
import type { Environment, SluiceConfig } from '../config/config.js';
import { startReconciler } from '../reconciler/reconciler.js';
import { createSecretProvider } from '../secrets/secret-provider.js';
import { connectTemporal } from '../temporal/temporal-connection.js';
import { loadWorkflowBundle } from '../temporal/workflow-bundle.js';
import { createSluiceWorker } from './create-worker.js';
import { loadRegistry } from './load-registry.js';
import { temporalRuntimeOptions } from './logging.js';
import { openPolicies, reloadPolicies } from './open-policies.js';
import { startRetention } from './retention.js';

export interface RunWorkerOptions {
  readonly config: SluiceConfig;
  /** Where `env:` secrets are looked up. */
  readonly env: Environment;
  /** Where `sluice.config.ts` is looked for. */
  readonly directory: string;
  readonly log: Logger;
  /** Aborted when the worker has to stop. */
  readonly stop: AbortSignal;
  /** Called with what reloads the policies, once that can be done. */
  readonly onReload?: (reload: () => Promise<void>) => void;
}

/**
 * Runs a worker until it is told to stop and has stopped.
 * @throws SluiceError of what could not be opened
 */
export async function runWorker({
  config,
  env,
  directory,
  log,
  stop,
  onReload,
}: RunWorkerOptions): Promise<void> {
  const opened: (() => Promise<void>)[] = [];
  try {
    const registry = await loadRegistry(config, directory);
    const secrets = createSecretProvider(config.secrets, env);
    const policies = await openPolicies(config, log);
    onReload?.(async () => void (await reloadPolicies(policies, log)));
    const projections = await openProjections(config.database);
    opened.push(() => projections.close());
    // Not before the first connection: the runtime ends with the last one, and keeps a process alive till then.
    Runtime.install(temporalRuntimeOptions(log, config.worker.metricsAddress));
    const connection = await connectTemporal(config.temporal);
    opened.push(() => connection.close());
    const worker = await createSluiceWorker({
      connection,
      namespace: config.temporal.namespace,
      taskQueue: config.taskQueue,
      projections,
      deadLetters: projections.deadLetters,
      registry,
      secrets,
      authorizer: policies,
      system: config.system,
      tuning: config.worker,
      workflowBundle: await loadWorkflowBundle(Runtime.instance().logger),
    });
    const shutDown = (): void => {
      log.info('The worker stops; running actions get the grace time');
      worker.shutdown();
    };
    const { retentionDays: days, eventRetentionDays: eventDays } = config;
    opened.push(startRetention({ projections, days, eventDays, log }));
    const running = worker.run();
    log.info(
      { taskQueue: config.taskQueue, namespace: config.temporal.namespace, actions: registry.actions.length },
      'The worker polls',
    );
    const reconciler = startReconciler({
      connection,
      namespace: config.temporal.namespace,
      taskQueue: config.taskQueue,
      projections,
      log,
      intervalMs: config.reconcileIntervalMs,
      latestVersion: (action) => registry.versions.get(action)?.at(-1),
    });
    opened.push(() => reconciler.stop());
    if (stop.aborted) shutDown();
    else stop.addEventListener('abort', shutDown, { once: true });
    await running;
  } finally {
    for (const close of opened.reverse()) await close();
  }
  log.info('The worker has stopped');
}
