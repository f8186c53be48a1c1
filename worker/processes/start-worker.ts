/**
 * A worker with all that runs beside it: its connection, retention and the reconciler. The worker process and
 * the local stack both start this.
 *
 * Invariant: the first poll precedes the reconciler, and each part is added to the stack of closers once it
 * runs, so that a start that fails half-way leaves nothing open.
 */
import type { DataConverter } from '@temporalio/common';
import type { WorkflowBundleOption } from '@temporalio/worker';
import type { Logger } from 'pino';
import type { ActionRegistry } from '../../actions/index.js';
import type { SecretProvider } from '../../activities/index.js';
import type { Authorizer } from '../../contracts/authorization.js';
import type { ClosingStack } from '../../contracts/closing-stack.js';
import type { SluiceError } from '../../contracts/errors.js';
import { watchService } from '../../contracts/services/watch.js';
import { ShownEvents } from '../../client/index.js';
import type { Projections } from '../../projections/index.js';
import type { SluiceConfig } from '../config/config.js';
import { startReconciler } from '../reconciler/reconciler.js';
import { signSchedules } from '../temporal/sign-schedules.js';
import { askTemporal, connectTemporal } from '../temporal/temporal-connection.js';
import { keptDays } from '../temporal/kept-histories.js';
import { requireOwnDatabase } from '../temporal/temporal-owner.js';
import { createSluiceWorker } from './create-worker.js';
import { startRetention } from './retention.js';

export interface WorkerParts {
  readonly config: SluiceConfig;
  readonly projections: Projections;
  readonly registry: ActionRegistry;
  readonly secrets: SecretProvider;
  /** Asked before each step that acts; undefined: authorization is off. */
  readonly authorizer: Authorizer | undefined;
  /** Encrypts what Temporal stores; undefined: nothing is encrypted. */
  readonly dataConverter: DataConverter | undefined;
  /** Called once Temporal is connected: bundling takes seconds. */
  readonly workflowBundle: () => Promise<WorkflowBundleOption>;
  readonly log: Logger;
  /** Gets, in intervals, why Temporal does not answer; undefined: it has answered. */
  readonly onTemporal?: ((error: SluiceError | undefined) => void) | undefined;
}

export interface RunningWorker {
  /** Resolves when the worker has shut down; rejects when it fails. */
  readonly ended: Promise<void>;
  /** Begins the shutdown; running actions get the grace time. */
  shutDown(): void;
}

/**
 * Starts a worker.
 * @param opened gets what has to be closed once the worker has ended
 * @throws SluiceError TEMPORAL_UNAVAILABLE, CONFIG_INVALID, SEARCH_ATTRIBUTE_MISSING,
 *   DATABASE_OF_ANOTHER_TEMPORAL
 */
export async function startWorker(parts: WorkerParts, opened: ClosingStack): Promise<RunningWorker> {
  const { config, projections, registry, secrets, authorizer, dataConverter, workflowBundle, log } = parts;
  const { onTemporal } = parts;
  const { taskQueue, temporal } = config;
  const { namespace } = temporal;
  const connection = await connectTemporal(temporal);
  opened.add('Temporal connection', () => connection.close());
  const requireOwn = () => requireOwnDatabase(projections, connection.workflowService, namespace);
  const identity = await requireOwn();
  const worker = await createSluiceWorker({
    connection,
    namespace,
    taskQueue,
    projections,
    deadLetters: projections.deadLetters,
    shownLetters: new ShownEvents(projections.events, projections.reads),
    registry,
    secrets,
    authorizer,
    system: config.system,
    tuning: config.worker,
    ...(dataConverter !== undefined && { dataConverter }),
    workflowBundle: await workflowBundle(),
  });
  if (onTemporal !== undefined) {
    const watch = watchService('temporal', () => askTemporal(connection, identity), onTemporal);
    opened.add('Watch of Temporal', () => watch.stop());
  }
  const retention = startRetention({
    projections,
    days: config.retentionDays,
    keptDays: () => keptDays(connection.workflowService, namespace),
    eventDays: config.eventRetentionDays,
    auditDays: config.auditRetentionDays,
    log,
  });
  opened.add('Retention', retention);
  const ended = worker.run();
  log.info({ taskQueue, namespace, actions: registry.actions.length }, 'The worker polls');
  opened.add('Claims of schedules', signSchedules({ ...parts, connection, namespace, taskQueue }));
  const reconciler = startReconciler({
    connection,
    namespace,
    dataConverter,
    taskQueue,
    projections,
    log,
    intervalMs: config.reconcileIntervalMs,
    requireOwn,
    latestVersion: (action) => registry.versions.get(action)?.at(-1),
  });
  opened.add('Reconciler', () => reconciler.stop());
  return {
    ended,
    shutDown: () => {
      if (worker.getState() === 'RUNNING') worker.shutdown();
    },
  };
}
