/**
 * Workers as versions of a Temporal worker deployment: which worker continues a run when a newer version
 * becomes current.
 */
import { randomUUID } from 'node:crypto';
import { NativeConnection } from '@temporalio/worker';
import { expect, it } from 'vitest';
import { builtInActions, createActionRegistry } from '../../actions/index.js';
import { createSluiceWorker } from '../../worker/processes/create-worker.js';
import type { WorkerDeployment } from '../../worker/config/config.js';
import { suiteBundle } from '../support/services.js';
import { withSluice, type SluiceTest } from '../support/sluice.js';
import { waitFor } from '../support/wait-for.js';

const WAIT = `
id: versioned-wait
version: 1
steps:
  - { id: before, type: action.call, action: core.echo, input: 1 }
  - { id: pause, type: event.wait, eventName: GO }
  - { id: after, type: action.call, action: core.echo, input: 2 }
`;

/** Runs a worker of one version, on the same database as the others. */
async function startVersion(sluice: SluiceTest, deployment: WorkerDeployment): Promise<() => Promise<void>> {
  const connection = await NativeConnection.connect({ address: sluice.temporal.address });
  const worker = await createSluiceWorker({
    connection,
    namespace: sluice.temporal.namespace,
    taskQueue: sluice.taskQueue,
    projections: sluice.projections,
    registry: createActionRegistry(builtInActions({ http: { allowHosts: [] } })),
    secrets: { read: () => Promise.resolve(undefined) },
    system: { environment: 'test', region: 'here', release: deployment.buildId },
    tuning: {
      deployment,
      identity: `build-${deployment.buildId}`,
      shutdownGraceMs: 500,
      shutdownStopMs: 500,
    },
    workflowBundle: await suiteBundle(),
  });
  const ended = worker.run();
  return async () => {
    worker.shutdown();
    await ended;
    await connection.close();
  };
}

/** As `temporal worker deployment set-current-version` does. */
async function makeCurrent(sluice: SluiceTest, deploymentName: string, buildId: string): Promise<void> {
  const { workflowService } = sluice.client.temporal;
  const { namespace } = sluice.temporal;
  // The server learns of a version at its first poll.
  await waitFor(async () => {
    await workflowService.setWorkerDeploymentCurrentVersion({ namespace, deploymentName, buildId });
    return true;
  });
}

/** The worker that ran the action of a step, by the run's history. */
async function builder(sluice: SluiceTest, workflowId: string, position: 0 | 1): Promise<string | undefined> {
  const { events } = await sluice.client.temporal.workflow.getHandle(workflowId).fetchHistory();
  const began = (events ?? []).filter((event) => event.workflowTaskStartedEventAttributes);
  return (
    (position === 0 ? began[0] : began.at(-1))?.workflowTaskStartedEventAttributes?.identity ?? undefined
  );
}

it('a run moves to the current version on an auto-upgrade worker, and stays on its version on a pinned one', async () => {
  await withSluice({ startWorker: false }, async (sluice) => {
    const name = `sluice-${randomUUID().slice(0, 8)}`;
    const stopOld = await startVersion(sluice, { name, buildId: '1', versioning: 'auto-upgrade' });
    const stopNew = await startVersion(sluice, { name, buildId: '2', versioning: 'pinned' });
    try {
      await makeCurrent(sluice, name, '1');
      await sluice.publish(WAIT);
      const moved = await sluice.start('versioned-wait');
      await sluice.waiting(moved);

      await makeCurrent(sluice, name, '2');
      const stayed = await sluice.start('versioned-wait');
      await sluice.waiting(stayed);
      await sluice.signal(moved, { eventName: 'GO' });
      await sluice.result(moved);
      expect(await builder(sluice, moved.workflowId, 0)).toBe('build-1');
      expect(await builder(sluice, moved.workflowId, 1)).toBe('build-2');

      await makeCurrent(sluice, name, '1');
      await sluice.signal(stayed, { eventName: 'GO' });
      await sluice.result(stayed);
      expect(await builder(sluice, stayed.workflowId, 0)).toBe('build-2');
      expect(await builder(sluice, stayed.workflowId, 1)).toBe('build-2');
    } finally {
      await Promise.all([stopOld(), stopNew()]);
    }
  });
}, 60_000);
