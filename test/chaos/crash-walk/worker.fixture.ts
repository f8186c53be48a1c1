/**
 * A deployed worker that kills itself with SIGKILL at one point of one commit, which CRASH_AT names. Without
 * CRASH_AT the worker lives.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { Runtime } from '@temporalio/worker';
import type { Execution } from '../../../contracts/run/projection.js';
import type { RunEvent } from '../../../contracts/run/run-events.js';
import { openProjections, type FaultPoint } from '../../../projections/index.js';
import { loadConfig } from '../../../worker/config/config.js';
import { createSluiceWorker } from '../../../worker/processes/create-worker.js';
import { loadRegistry } from '../../../worker/processes/load-registry.js';
import { createLogger, temporalRuntimeOptions } from '../../../worker/processes/logging.js';
import { connectTemporal } from '../../../worker/temporal/temporal-connection.js';
import { loadWorkflowBundle } from '../../../worker/temporal/workflow-bundle.js';
import { CrashAt, type Commit } from './crash-at.js';

const config = loadConfig(process.env);
const crash = CrashAt.optional().parse(JSON.parse(process.env['CRASH_AT'] ?? 'null') ?? undefined);
const commits = new AsyncLocalStorage<Commit>();

function faults(point: FaultPoint): boolean {
  const commit = commits.getStore();
  if (crash === undefined || commit === undefined) return false;
  const at = crash.when === 'before' ? 'before-commit' : 'after-commit';
  const same =
    commit.workflowId === crash.workflowId &&
    commit.kind === crash.kind &&
    (crash.step === undefined || commit.step === crash.step) &&
    (crash.carries === undefined || commit.events.includes(crash.carries));
  if (point === at && same) process.kill(process.pid, 'SIGKILL');
  return false;
}

const projections = await openProjections({ ...config.database, faults });
const during = <T>(
  { workflowId }: Execution,
  { kind, step, events = [] }: Pick<Commit, 'kind' | 'step'> & { readonly events?: readonly RunEvent[] },
  work: () => Promise<T>,
): Promise<T> => commits.run({ kind, workflowId, step, events: events.map(({ type }) => type) }, work);

Runtime.install(temporalRuntimeOptions(createLogger('warn')));
const connection = await connectTemporal(config.temporal);
const worker = await createSluiceWorker({
  connection,
  namespace: config.temporal.namespace,
  taskQueue: config.taskQueue,
  projections: {
    ...projections,
    commitEvents: (execution, events) =>
      during(execution, { kind: 'flush', step: undefined, events }, () =>
        projections.commitEvents(execution, events),
      ),
    beginAction: (execution, events, invocation, ...rest) =>
      during(execution, { kind: 'begin', step: invocation.step.id, events }, () =>
        projections.beginAction(execution, events, invocation, ...rest),
      ),
    finishAction: (execution, invocation, ...rest) =>
      during(execution, { kind: 'finish', step: invocation.step.id }, () =>
        projections.finishAction(execution, invocation, ...rest),
      ),
  },
  registry: await loadRegistry(config, process.cwd()),
  secrets: { read: () => Promise.resolve(undefined) },
  system: config.system,
  // Without a sticky queue, whose tasks wait ten seconds for a worker that is dead.
  tuning: { ...config.worker, cachedWorkflows: 0 },
  workflowBundle: await loadWorkflowBundle(),
});
process.once('SIGTERM', () => worker.shutdown());
const running = worker.run();
process.stdout.write('The worker polls\n');
await running;
await connection.close();
await projections.close();
