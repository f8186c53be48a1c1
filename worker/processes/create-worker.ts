/**
 * A Temporal worker that runs Sluice's workflows and activities.
 *
 * Invariant: a worker can run every run of its task queue: the search attributes are registered, and the
 * bundle is built from these sources. Stopping it never fails a run: running actions get the grace time, then
 * their signal is aborted, and another worker repeats those that have not ended.
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
import { claimKeeperOf } from '../../contracts/naming/claims.js';
import type { ProjectionStore } from '../../contracts/run/projection.js';
import type { SystemContext } from '../../contracts/run/run.js';
import { EncryptingCodec } from '../../encryption/index.js';
import type { ShownEvents } from '../../client/index.js';
import type { Projections } from '../../projections/index.js';
import { shareOf, type SluiceConfig } from '../config/config.js';
import { ensureSearchAttributes } from '../temporal/search-attributes.js';
import { failureMessagesOf, ISOLATE_OPTIONS, loadWorkflowBundle } from '../temporal/workflow-bundle.js';

/** Time that the worker itself needs to end, after the actions must have stopped, ms. */
const FORCE_MARGIN_MS = 7_000;
/** Delay, ms, within which a heartbeat of an action reaches Temporal, and a cancellation the action. */
const HEARTBEAT_THROTTLE_MS = 1_000;

/** The defaults of the configuration, for workers that are made without it. */
const DEFAULTS = {
  activities: 100,
  localActivities: 100,
  // One thread works on all of them in turns, and Temporal gives each 10 s from the moment it is taken.
  // After a restart with many large histories, tasks that were taken together would all run out of time, be
  // thrown away and begin anew, without end. A task that is not taken yet has no such limit.
  workflowTasks: 10,
  shutdownGraceMs: 10_000,
  shutdownStopMs: 5_000,
} as const;

/** The names of the configuration in Temporal's terms. */
const VERSIONING = { 'auto-upgrade': 'AUTO_UPGRADE', pinned: 'PINNED' } as const;

export interface SluiceWorkerOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly projections: ProjectionStore & Pick<Projections, 'tasks'>;
  readonly registry: ActionRegistry;
  readonly secrets: SecretProvider;
  /** Dead letters, for clients to list and to retry; absent: none are kept. */
  readonly deadLetters?: Projections['deadLetters'] | undefined;
  /** Given with `deadLetters`. */
  readonly shownLetters?: ShownEvents | undefined;
  /** Asked before each step that acts; absent: authorization is off. */
  readonly authorizer?: Authorizer | undefined;
  readonly system: SystemContext;
  /** Concurrency and time limits of the worker; default: those of `loadConfig({})`. */
  readonly tuning?: Partial<SluiceConfig['worker']> & {
    /** Ids of events that a run remembers; default 5,000. */
    readonly rememberedEventIds?: number;
  };
  /** Registers missing search attributes instead of refusing to start; for a dev server. */
  readonly registerSearchAttributes?: boolean;
  /** Encrypts what Temporal stores; needs the bundle with encoded failures. Default: Temporal's own. */
  readonly dataConverter?: WorkerOptions['dataConverter'];
  /** Default: the bundle of the current sources. */
  readonly workflowBundle?: WorkflowBundleOption;
}

/**
 * Creates a worker. Call `run()`, and `shutdown()` at the end.
 * @throws SluiceError SEARCH_ATTRIBUTE_MISSING
 */
export async function createSluiceWorker(options: SluiceWorkerOptions): Promise<Worker> {
  const { connection, namespace, registerSearchAttributes = false } = options;
  await ensureSearchAttributes(connection, namespace, registerSearchAttributes);
  return await Worker.create(await workerOptions(options));
}

/** The options of Temporal's SDK for such a worker. */
export async function workerOptions(options: SluiceWorkerOptions): Promise<WorkerOptions> {
  const { connection, namespace, taskQueue, projections, registry, secrets, system, dataConverter } = options;
  const {
    identity = `${process.pid}@${hostname()}`,
    activities = DEFAULTS.activities,
    tenantActivities = shareOf(activities),
    priorities,
    localActivities = DEFAULTS.localActivities,
    workflowTasks = DEFAULTS.workflowTasks,
    cachedWorkflows,
    shutdownGraceMs = DEFAULTS.shutdownGraceMs,
    shutdownStopMs = DEFAULTS.shutdownStopMs,
    historyEvents,
    rememberedEventIds,
    missingActionMs,
    deployment,
  } = options.tuning ?? {};
  const encrypting = dataConverter?.payloadCodecs?.find((codec) => codec instanceof EncryptingCodec);
  return {
    ...ISOLATE_OPTIONS,
    connection,
    namespace,
    taskQueue,
    identity,
    ...(dataConverter !== undefined && { dataConverter }),
    workflowBundle: options.workflowBundle ?? (await loadWorkflowBundle(failureMessagesOf(dataConverter))),
    activities: createActivities({
      projections,
      registry,
      secrets,
      authorizer: options.authorizer,
      claims: claimKeeperOf(dataConverter?.payloadCodecs),
      ...(encrypting !== undefined && { searchKey: (tenant: string) => encrypting.searchKey(tenant) }),
      deadLetters: options.deadLetters,
      shownLetters: options.shownLetters,
      system,
      identity,
      limits: { afterShutdownMs: shutdownStopMs },
      missingActionMs,
      tenantActions: tenantActivities,
      priorities,
      ...((historyEvents ?? rememberedEventIds) !== undefined && {
        runLimits: {
          historyEvents: historyEvents ?? LIMITS.historyEvents,
          historyEventsMost: Math.max(historyEvents ?? 0, LIMITS.historyEventsMost),
          ...(rememberedEventIds !== undefined && { rememberedEventIds }),
        },
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
    // A task queue has four partitions: with the SDK's default of 0.2, two pollers would leave two unpolled.
    nonStickyToStickyPollRatio: 0.5,
    maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE_MS,
    shutdownGraceTime: shutdownGraceMs,
    shutdownForceTime: shutdownGraceMs + shutdownStopMs + FORCE_MARGIN_MS,
  };
}
