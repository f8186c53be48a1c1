/** Temporal: the server, the namespace, the search attributes, who polls the task queue, the clock. */
import { randomUUID } from 'node:crypto';
import { Connection } from '@temporalio/client';
import { createSluiceClient } from '../../client/index.js';
import { SluiceError } from '../../contracts/errors.js';
import type { SluiceConfig } from '../../worker/config/config.js';
import { ensureSearchAttributes } from '../../worker/temporal/search-attributes.js';
import { temporalConnectionOptions } from '../../worker/temporal/temporal-connection.js';
import { OLDEST_SERVER } from '../../worker/temporal-server/find-cli.js';
import { judgeClock } from './clock.js';
import { attempt, fail, ok, skip, warn, type Finding } from './finding.js';

/** How long the server may take for each answer, ms. */
const LIMIT_MS = 5_000;
const DAY_S = 86_400;
/** A worker that has not polled for so long is none, ms. */
const GONE_MS = 120_000;
/** Numbers of Temporal's `TaskQueueType`. */
const QUEUES = { workflow: 1, activity: 2 } as const;

export interface TemporalReport {
  readonly findings: readonly Finding[];
  /** Identities of the workers that poll the task queue. */
  readonly workers: readonly string[];
}

const REST = ['namespace', 'search attributes', 'task queue', 'temporal clock'];

/** Runs the checks. */
export async function checkTemporal(config: SluiceConfig): Promise<TemporalReport> {
  let connection: Connection;
  try {
    const options = await temporalConnectionOptions(config.temporal);
    connection = await Connection.connect({ ...options, connectTimeout: LIMIT_MS });
  } catch (error) {
    return { findings: [unreachable(config, error), ...left(REST, 'Temporal is not there')], workers: [] };
  }
  try {
    return await connection.withDeadline(Date.now() + 6 * LIMIT_MS, () => look(connection, config));
  } finally {
    await connection.close();
  }
}

function unreachable({ temporal }: SluiceConfig, error: unknown): Finding {
  if (error instanceof SluiceError) return fail('temporal', error);
  const reason = error instanceof Error ? error.message : String(error);
  return fail(
    'temporal',
    new SluiceError('TEMPORAL_UNAVAILABLE', `Temporal at ${temporal.address}: ${reason}`),
  );
}

const left = (checks: readonly string[], why: string): Finding[] => checks.map((check) => skip(check, why));

async function look(connection: Connection, config: SluiceConfig): Promise<TemporalReport> {
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
    const rest = left(REST.slice(1), 'the namespace is not there');
    return { findings: [...server, ...namespace, ...rest], workers: [] };
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
  return { findings: [...server, ...namespace, ...rest.flat()], workers: [...workers] };
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

async function checkNamespace({ workflowService }: Connection, config: SluiceConfig): Promise<Finding> {
  const { namespace } = config.temporal;
  const { config: settings } = await workflowService.describeNamespace({ namespace });
  const keptDays = Number(settings?.workflowExecutionRetentionTtl?.seconds ?? 0) / DAY_S;
  const found = `${namespace}, closed workflows are kept ${keptDays} days`;
  const { retentionDays } = config;
  if (retentionDays !== undefined && retentionDays <= keptDays) {
    return warn(
      'namespace',
      `${found}, rows of runs ${retentionDays}`,
      `Keep rows longer than Temporal keeps workflows: raise SLUICE_RETENTION_DAYS above ${keptDays}.`,
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
    // The server remembers a worker for minutes after it has gone; one that is there polls anew every minute.
    const living = (pollers ?? []).filter(
      ({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1_000 > Date.now() - GONE_MS,
    );
    if (living.length === 0) missing.push(name);
    for (const { identity } of living) if (identity) workers.add(identity);
  }
  const mend = 'Start a worker with the same SLUICE_TASK_QUEUE and TEMPORAL_NAMESPACE: `sluice worker`.';
  if (workers.size === 0) return warn('task queue', `no worker polls ${taskQueue}`, mend);
  const found = `${workers.size} worker(s) poll ${taskQueue}: ${[...workers].join(', ')}`;
  if (missing.length === 0) return ok('task queue', found);
  return warn('task queue', `${found}; none takes ${missing.join(' or ')} tasks`, mend);
}

/**
 * The server tells its time nowhere but in when somebody last polled: so a task queue of this check's own is polled,
 * which leaves no trace.
 */
async function checkClock(connection: Connection, namespace: string): Promise<Finding> {
  const { workflowService } = connection;
  const taskQueue = { name: `sluice-doctor-${randomUUID()}` };
  const stop = new AbortController();
  const before = Date.now();
  const polling = connection.withAbortSignal(stop.signal, () =>
    workflowService.pollWorkflowTaskQueue({ namespace, taskQueue, identity: 'sluice doctor' }),
  );
  // It is given up on below; what it would have said is of no interest.
  const polled = polling.then(
    () => undefined,
    () => undefined,
  );
  try {
    while (Date.now() < before + 2 * LIMIT_MS) {
      const { pollers } = await workflowService.describeTaskQueue({
        namespace,
        taskQueue,
        taskQueueType: QUEUES.workflow,
      });
      const seen = pollers?.[0]?.lastAccessTime;
      if (seen) {
        const there = Number(seen.seconds ?? 0) * 1_000 + Math.floor((seen.nanos ?? 0) / 1_000_000);
        return judgeClock('temporal clock', 'Temporal', { before, after: Date.now(), there });
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return skip('temporal clock', 'the server did not say');
  } finally {
    stop.abort();
    await polled;
  }
}
