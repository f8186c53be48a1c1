/**
 * Checks Temporal: the server, the namespace, the search attributes, the workers on the task queue, the
 * clock, the key rings.
 */
import { randomUUID } from 'node:crypto';
import { Connection } from '@temporalio/client';
import { createSluiceClient } from '../../client/index.js';
import { messageOf, SluiceError } from '../../contracts/errors.js';
import type { TemporalIdentity } from '../../contracts/services/temporal-identity.js';
import type { SluiceConfig } from '../../worker/config/config.js';
import { ensureSearchAttributes } from '../../worker/temporal/search-attributes.js';
import { keptDays } from '../../worker/temporal/kept-histories.js';
import { temporalConnectionOptions } from '../../worker/temporal/temporal-connection.js';
import { temporalIdentity } from '../../worker/temporal/temporal-owner.js';
import { OLDEST_SERVER } from '../../worker/temporal-server/find-cli.js';
import { judgeClock } from './clock.js';
import { attempt, fail, ok, skip, warn, type Finding } from './finding.js';
import { checkRings, RING_CHECKS } from './rings.js';

/** Time limit for one answer of the server, ms. */
const LIMIT_MS = 5_000;
/** Time limit for all checks after the connection is made, ms. */
const ALL_CHECKS_MS = 6 * LIMIT_MS;
/** How long to wait for the server to list the poller of the clock check, and between two looks, ms. */
const CLOCK_LIMIT_MS = 2 * LIMIT_MS;
const CLOCK_INTERVAL_MS = 50;
/** A worker that has not polled for this long is gone, ms. */
const GONE_MS = 120_000;
/** Numbers of Temporal's `TaskQueueType`. */
const QUEUES = { workflow: 1, activity: 2 } as const;

export interface TemporalReport {
  readonly findings: readonly Finding[];
  /** Identities of the workers that poll the task queue. */
  readonly workers: readonly string[];
  /** Which Temporal it is; undefined: that could not be found out. */
  readonly identity: TemporalIdentity | undefined;
}

const REST = ['namespace', 'search attributes', 'task queue', 'temporal clock', ...RING_CHECKS];

/** Runs the checks. */
export async function checkTemporal(config: SluiceConfig): Promise<TemporalReport> {
  let connection: Connection;
  try {
    const options = await temporalConnectionOptions(config.temporal);
    connection = await Connection.connect({ ...options, connectTimeout: LIMIT_MS });
  } catch (error) {
    return {
      findings: [unreachable(config, error), ...skipAll(REST, 'Temporal is not available')],
      workers: [],
      identity: undefined,
    };
  }
  try {
    return await connection.withDeadline(Date.now() + ALL_CHECKS_MS, () => checkServices(connection, config));
  } finally {
    await connection.close();
  }
}

function unreachable({ temporal }: SluiceConfig, error: unknown): Finding {
  if (error instanceof SluiceError) return fail('temporal', error);
  const message = `Temporal at ${temporal.address}: ${messageOf(error)}`;
  return fail('temporal', new SluiceError('TEMPORAL_UNAVAILABLE', message));
}

const skipAll = (checks: readonly string[], why: string): Finding[] =>
  checks.map((check) => skip(check, why));

async function checkServices(connection: Connection, config: SluiceConfig): Promise<TemporalReport> {
  const server = await attempt('temporal', () => checkServer(connection, config));
  const client = await createSluiceClient({
    connection,
    namespace: config.temporal.namespace,
    taskQueue: config.taskQueue,
  });
  const namespace = await attempt('namespace', async () => {
    await client.check();
    return await checkNamespace(connection, config);
  });
  if (namespace.some(({ status }) => status === 'fail')) {
    const rest = skipAll(REST.slice(1), 'the namespace does not exist');
    return { findings: [...server, ...namespace, ...rest], workers: [], identity: undefined };
  }
  const workers = new Set<string>();
  const rest = await Promise.all([
    attempt('search attributes', async () => {
      await ensureSearchAttributes(connection, config.temporal.namespace, false);
      return ok('search attributes', 'all registered');
    }),
    attempt('task queue', () => checkPollers(connection, config, workers)),
    attempt('temporal clock', () => checkClock(connection, config.temporal.namespace)),
  ]);
  const rings =
    workers.size === 0
      ? skipAll(RING_CHECKS, 'no worker polls')
      : await attempt('claims', () => checkRings(connection, config));
  const identity = await temporalIdentity(connection.workflowService, config.temporal.namespace).catch(
    () => undefined,
  );
  return {
    findings: [...server, SETTINGS, ...namespace, ...rest.flat(), ...rings],
    workers: [...workers],
    identity,
  };
}

async function checkServer({ workflowService }: Connection, { temporal }: SluiceConfig): Promise<Finding> {
  const { serverVersion = '' } = await workflowService.getSystemInfo({});
  const [major = 0, minor = 0] = (serverVersion ?? '').split('.').map(Number);
  const found = `${temporal.address}, server ${serverVersion}`;
  if (major > OLDEST_SERVER[0] || (major === OLDEST_SERVER[0] && minor >= OLDEST_SERVER[1])) {
    return ok('temporal', found);
  }
  return warn('temporal', found, `Upgrade Temporal to ${OLDEST_SERVER.join('.')} or newer.`);
}

/** No call of Temporal's API tells what is in a server's dynamic config. */
const SETTINGS = skip(
  'temporal settings',
  'Temporal tells no client whether it is fair between tenants: look for system.enableActivityEagerExecution, ' +
    'matching.useNewMatcher and matching.enableFairness in its dynamic config (docs/operations.md)',
);

async function checkNamespace({ workflowService }: Connection, config: SluiceConfig): Promise<Finding> {
  const { namespace } = config.temporal;
  const kept = await keptDays(workflowService, namespace);
  const found = `${namespace}, keeps closed workflows for ${kept} days`;
  const { retentionDays } = config;
  if (retentionDays !== undefined && retentionDays <= kept) {
    return warn(
      'namespace',
      `${found}, rows of runs shall go after ${retentionDays}, so workers remove none`,
      `Keep rows longer than Temporal keeps workflows: raise SLUICE_RETENTION_DAYS above ${kept}.`,
    );
  }
  return ok('namespace', found);
}

async function checkPollers(
  { workflowService }: Connection,
  { temporal: { namespace }, taskQueue }: SluiceConfig,
  workers: Set<string>,
): Promise<Finding> {
  const missing: string[] = [];
  for (const [name, taskQueueType] of Object.entries(QUEUES)) {
    const { pollers } = await workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: taskQueue },
      taskQueueType,
    });
    // The server lists a worker for minutes after it has stopped; a running one polls again every minute.
    const living = (pollers ?? []).filter(
      ({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1_000 > Date.now() - GONE_MS,
    );
    if (living.length === 0) missing.push(name);
    for (const { identity } of living) if (identity) workers.add(identity);
  }
  const fix = 'Start a worker with the same SLUICE_TASK_QUEUE and TEMPORAL_NAMESPACE: `sluice worker`.';
  if (workers.size === 0) return warn('task queue', `no worker polls ${taskQueue}`, fix);
  const found = `${workers.size} worker(s) poll ${taskQueue}: ${[...workers].join(', ')}`;
  if (missing.length === 0) return ok('task queue', found);
  return warn('task queue', `${found}; none of them takes ${missing.join(' or ')} tasks`, fix);
}

/**
 * Reads the server's clock. The server only reports its time as the last poll of a task queue, so this check
 * polls a queue with a name that nothing else uses, which leaves no trace.
 */
async function checkClock(connection: Connection, namespace: string): Promise<Finding> {
  const { workflowService } = connection;
  const taskQueue = { name: `sluice-doctor-${randomUUID()}` };
  const stop = new AbortController();
  const before = Date.now();
  const polling = connection.withAbortSignal(stop.signal, () =>
    workflowService.pollWorkflowTaskQueue({ namespace, taskQueue, identity: 'sluice doctor' }),
  );
  // The poll is aborted below; its outcome does not matter.
  const polled = polling.then(
    () => undefined,
    () => undefined,
  );
  try {
    while (Date.now() < before + CLOCK_LIMIT_MS) {
      const { pollers } = await workflowService.describeTaskQueue({
        namespace,
        taskQueue,
        taskQueueType: QUEUES.workflow,
      });
      const seen = pollers?.[0]?.lastAccessTime;
      if (seen) {
        const other = Number(seen.seconds ?? 0) * 1_000 + Math.floor((seen.nanos ?? 0) / 1_000_000);
        return judgeClock('temporal clock', 'Temporal', { before, after: Date.now(), other });
      }
      await new Promise((resolve) => setTimeout(resolve, CLOCK_INTERVAL_MS));
    }
    return skip('temporal clock', 'the server did not report its time');
  } finally {
    stop.abort();
    await polled;
  }
}
