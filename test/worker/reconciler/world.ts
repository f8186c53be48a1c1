/**
 * A Sluice whose reconciler makes a pass when the test asks for one, and the `temporal` command,
 * as an operator without knowledge of Sluice uses it.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { NativeConnection } from '@temporalio/worker';
import { pino } from 'pino';
import type { StartedRun } from '../../../client/index.js';
import { type Reconciler, startReconciler } from '../../../worker/reconciler/reconciler.js';
import { findTemporalCli } from '../../../worker/temporal-server/find-cli.js';
import { type SluiceTest, type SluiceTestOptions, withSluice } from '../../support/sluice.js';
import { waitFor } from '../../support/wait-for.js';

const run = promisify(execFile);

export interface World {
  readonly sluice: SluiceTest;
  readonly reconciler: Reconciler;
  /** Runs `temporal` with these arguments against the suite's server. */
  readonly temporal: (...args: string[]) => Promise<string>;
}

/** Runs a test with its own world. */
export async function withWorld(
  options: SluiceTestOptions & { readonly graceMs?: number },
  test: (world: World) => Promise<void>,
): Promise<void> {
  await withSluice(options, async (sluice) => {
    const { address, namespace } = sluice.temporal;
    const connection = await NativeConnection.connect({ address });
    const reconciler = startReconciler({
      connection,
      namespace,
      taskQueue: sluice.taskQueue,
      projections: sluice.projections,
      log: pino({ level: 'silent' }),
      intervalMs: 0,
      latestVersion: () => 1,
      graceMs: options.graceMs ?? 0,
    });
    const { path } = await findTemporalCli({ env: process.env, log: () => undefined });
    try {
      await test({
        sluice,
        reconciler,
        temporal: async (...args) => {
          const { stdout } = await run(path, [...args, '--address', address, '--namespace', namespace]);
          return stdout;
        },
      });
    } finally {
      await reconciler.stop();
      await connection.close();
    }
  });
}

/** The run as a reader sees it. */
export async function seen({ projections, tenant }: SluiceTest, { runId }: StartedRun) {
  const { reads } = projections;
  const row = await reads.getRun(tenant, runId);
  const steps = await reads.listSteps(tenant, runId, { limit: 500 });
  const waits = await reads.listWaits(tenant, runId);
  const log = await reads.listEvents(tenant, runId, { limit: 500 });
  const { gaps, doubled } = await reads.checkContiguity(tenant, runId);
  const reconciled = log.items.flatMap((event) => (event.type === 'RUN_RECONCILED' ? [event.data] : []));
  return {
    status: row?.status,
    ended: row !== undefined && row.endedAt !== null,
    result: row?.result,
    error: row?.error?.code,
    system: row?.system,
    steps: steps.items.map(({ path, status }) => `${path} ${status}`),
    waits: waits.map(({ path, status }) => `${path} ${status}`),
    types: log.items.map(({ type }) => type),
    reconciled,
    gaps,
    doubled,
  };
}

/** Waits until the run waits and its row says so. */
export async function rowWaits(sluice: SluiceTest, started: StartedRun): Promise<void> {
  await waitFor(async () => (await seen(sluice, started)).status === 'WAITING');
}

/** True while the reconciler watches a run. */
export async function isWatched(
  { projections, tenant }: SluiceTest,
  { runId }: StartedRun,
): Promise<boolean> {
  const [answer] = await projections.database.request(`SELECT id FROM type::record('run_watch', $id)`, {
    id: [tenant, runId],
  });
  if (answer?.ok !== true) throw new Error(answer?.reason);
  return (answer.value as readonly unknown[]).length > 0;
}

/** Waits until Temporal has the run's workflow in that status. */
export async function temporalHas(
  { client }: SluiceTest,
  { workflowId }: Pick<StartedRun, 'workflowId'>,
  status: string,
): Promise<void> {
  await waitFor(async () => {
    const found = await client.temporal.workflow.getHandle(workflowId).describe();
    return found.status.name === status;
  });
}

/** Makes passes until the run's rows satisfy a condition. */
export async function reconciledUntil(
  { sluice, reconciler }: World,
  started: StartedRun,
  holds: (rows: Awaited<ReturnType<typeof seen>>) => boolean,
): Promise<Awaited<ReturnType<typeof seen>>> {
  return waitFor(async () => {
    await reconciler.pass();
    const rows = await seen(sluice, started);
    return holds(rows) && rows;
  });
}
