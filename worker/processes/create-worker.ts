/**
 * A Temporal worker that runs Sluice's workflows and activities.
 *
 * Invariant: what is created here can run every run of its task queue: the search attributes are registered
 * and the bundle is that of these sources. Stopping it never fails a run: running actions first get the grace
 * time, then are told to stop, and what still runs then is repeated by another worker.
 */
import { hostname } from 'node:os';
import {
  type NativeConnection,
  Worker,
  type WorkerOptions,
  type WorkflowBundleOption,
} from '@temporalio/worker';
import type { ActionRegistry } from '../../actions/index.js';
import { createActivities, type SecretProvider } from '../../activities/index.js';
import type { Authorizer } from '../../contracts/authorization.js';
import { LIMITS } from '../../contracts/limits.js';
import type { ProjectionStore } from '../../contracts/run/projection.js';
import type { SystemContext } from '../../contracts/run/run.js';
import type { Projections } from '../../projections/index.js';
import type { SluiceConfig } from '../config/config.js';
import { ensureSearchAttributes } from '../temporal/search-attributes.js';
import { ISOLATE_OPTIONS, loadWorkflowBundle } from '../temporal/workflow-bundle.js';

/** Past the time in which actions must have stopped: what the worker itself needs to end, ms. */
const FORCE_MARGIN_MS = 10_000;
/** A beat reaches Temporal, and a cancellation the action, no later than this after the action's own beat, ms. */
const HEARTBEAT_THROTTLE_MS = 1_000;

/** Temporal's names. */
const VERSIONING = { 'auto-upgrade': 'AUTO_UPGRADE', pinned: 'PINNED' } as const;

export interface SluiceWorkerOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly projections: ProjectionStore;
  readonly registry: ActionRegistry;
  readonly secrets: SecretProvider;
  /** Dead letters, for clients to look at and to retry; absent: none are kept. */
  readonly deadLetters?: Projections['deadLetters'] | undefined;
  /** Asked before each action; absent: authorization is off. */
  readonly authorizer?: Authorizer | undefined;
  readonly system: SystemContext;
  /** Numbers and times of the worker; default: those of `loadConfig({})`. */
  readonly tuning?: Partial<SluiceConfig['worker']>;
  /** Registers missing search attributes instead of refusing to start: for a dev server. */
  readonly registerSearchAttributes?: boolean;
  /** Default: the bundle of these sources. */
  readonly workflowBundle?: WorkflowBundleOption;
}

/**
 * Creates a worker; `run()` it, and `shutdown()` it in the end.
 * @throws SluiceError SEARCH_ATTRIBUTE_MISSING
 */
export async function createSluiceWorker(options: SluiceWorkerOptions): Promise<Worker> {
  const { connection, namespace, registerSearchAttributes = false } = options;
  await ensureSearchAttributes(connection, namespace, registerSearchAttributes);
  return await Worker.create(await workerOptions(options));
}

/** What Temporal's SDK is told of such a worker. */
export async function workerOptions(options: SluiceWorkerOptions): Promise<WorkerOptions> {
  const { connection, namespace, taskQueue, projections, registry, secrets, system } = options;
  const {
    identity = `${process.pid}@${hostname()}`,
    activities = 100,
    localActivities = 100,
    workflowTasks = 40,
    cachedWorkflows,
    shutdownGraceMs = 10_000,
    shutdownStopMs = 5_000,
    historyEvents,
    deployment,
  } = options.tuning ?? {};
  return {
    ...ISOLATE_OPTIONS,
    connection,
    namespace,
    taskQueue,
    identity,
    workflowBundle: options.workflowBundle ?? (await loadWorkflowBundle()),
    activities: createActivities({
      projections,
      registry,
      secrets,
      authorizer: options.authorizer,
      deadLetters: options.deadLetters,
      system,
      identity,
      limits: { afterShutdownMs: shutdownStopMs },
      ...(historyEvents !== undefined && {
        runLimits: { historyEvents, historyEventsMost: Math.max(historyEvents, LIMITS.historyEventsMost) },
      }),
    }),
    ...(deployment !== undefined && {
      workerDeploymentOptions: {
        version: { deploymentName: deployment.name, buildId: deployment.buildId },
        useWorkerVersioning: true,
        defaultVersioningBehavior: VERSIONING[deployment.versioning],
      },
    }),
    maxConcurrentActivityTaskExecutions: activities,
    maxConcurrentLocalActivityExecutions: localActivities,
    maxConcurrentWorkflowTaskExecutions: workflowTasks,
    ...(cachedWorkflows !== undefined && { maxCachedWorkflows: cachedWorkflows }),
    // A task queue has four partitions: with the SDK's 0.2, two pollers would leave two of them unpolled.
    nonStickyToStickyPollRatio: 0.5,
    maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE_MS,
    shutdownGraceTime: shutdownGraceMs,
    shutdownForceTime: shutdownGraceMs + shutdownStopMs + FORCE_MARGIN_MS,
  };
}
