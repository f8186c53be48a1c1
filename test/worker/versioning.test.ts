/**
 * Workers as versions of a Temporal worker deployment: which worker continues a run when a newer version
 * becomes current.
 */
import { randomUUID } from 'node:crypto';
import { NativeConnection } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { builtInActions, createActionRegistry, defineAction } from '../../actions/index.js';
import type { StartedRun } from '../../client/index.js';
import type { Json } from '../../contracts/json.js';
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

/** The code of a worker, as far as it differs: which versions of `test.greet` it has. */
interface Code {
  readonly versions: readonly number[];
  readonly missingActionMs?: number;
  /** Default: by the versions. */
  readonly identity?: string;
}

const greet = (version: number) =>
  defineAction({
    id: 'test.greet',
    version,
    description: 'Says its version.',
    input: z.json(),
    output: z.number(),
    run: () => version,
  });

/** Calls that version in a step, and in a local step. */
const greeting = (version: number): string => `
id: greeting-${version}
version: 1
steps:
  - { id: a, type: action.call, action: test.greet, version: ${version}, saveAs: vars.a }
  - { id: b, type: action.call, action: test.greet, version: ${version}, local: true, saveAs: vars.b }
  - { id: c, type: action.call, action: test.greet, version: ${version}, saveAs: vars.c }
result: { $expr: '[vars.a, vars.b, vars.c]' }
`;

/** Starts that many runs, and gives their results. */
function results(sluice: SluiceTest, definition: string, count: number): Promise<readonly Json[]> {
  return Promise.all(
    Array.from({ length: count }, async () => sluice.result(await sluice.start(definition))),
  );
}

/** Waits until the run waits for a capable worker, and gives the reason that Temporal shows. */
function reasonOf(sluice: SluiceTest, { workflowId }: StartedRun): Promise<string> {
  return waitFor(async () => {
    const { raw } = await sluice.client.temporal.workflow.getHandle(workflowId).describe();
    return raw.pendingActivities?.[0]?.lastFailure?.message ?? undefined;
  });
}

/** Runs a worker of one version, on the same database as the others. */
async function startVersion(
  sluice: SluiceTest,
  deployment: WorkerDeployment | undefined,
  { versions, missingActionMs = 120_000, identity }: Code = { versions: [] },
): Promise<() => Promise<void>> {
  const connection = await NativeConnection.connect({ address: sluice.temporal.address });
  const worker = await createSluiceWorker({
    connection,
    namespace: sluice.temporal.namespace,
    taskQueue: sluice.taskQueue,
    projections: sluice.projections,
    registry: createActionRegistry([...builtInActions({ http: { allowHosts: [] } }), ...versions.map(greet)]),
    secrets: { read: () => Promise.resolve(undefined) },
    system: { environment: 'test', region: 'here', release: deployment?.buildId ?? '0' },
    tuning: {
      ...(deployment !== undefined && { deployment }),
      identity: identity ?? `build-${deployment?.buildId ?? versions.join('-')}`,
      missingActionMs,
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

describe('workers of different code', () => {
  it('publishing asks every worker before it refuses, however many of them lack the action', async () => {
    await withSluice({ startWorker: false }, async (sluice) => {
      const stops: (() => Promise<void>)[] = [];
      const start = async (identity: string, versions: readonly number[]): Promise<void> => {
        stops.push(await startVersion(sluice, undefined, { identity, versions }));
      };
      try {
        // The pollers of the old ones, ten each, wait in front of those of the new one.
        for (const identity of ['old-1', 'old-2', 'old-3']) await start(identity, [1]);
        await sluice.publish(greeting(1));
        await start('new', [1, 2]);
        expect(await sluice.publish(greeting(2))).toMatchObject({ created: true });
        await expect(sluice.publish(greeting(3))).rejects.toMatchObject({
          code: 'ACTION_NOT_FOUND',
          message: expect.stringMatching(/version 3.*No worker had it for \d+ ms/) as string,
        });
      } finally {
        for (const stop of stops) await stop();
      }
    });
  });

  it('workers that add a version, go back and forward, and remove one, fail no run without worker versioning', async () => {
    await withSluice({ startWorker: false }, async (sluice) => {
      const stops = new Map<string, () => Promise<void>>();
      const start = async (name: string, code: Code): Promise<void> => {
        stops.set(name, await startVersion(sluice, undefined, code));
      };
      const stop = async (name: string): Promise<void> => {
        await stops.get(name)?.();
        stops.delete(name);
      };
      try {
        await start('new', { versions: [1, 2] });
        await sluice.publish(greeting(1));
        await start('old', { versions: [1] });
        // Either worker may be asked to publish what only one of them can run.
        await sluice.publish(greeting(2));
        expect(await results(sluice, 'greeting-2', 8)).toEqual(Array.from({ length: 8 }, () => [2, 2, 2]));

        await stop('new');
        const waiting = await sluice.start('greeting-2');
        expect(await reasonOf(sluice, waiting)).toMatch(/This worker lacks it.*version 2/);
        await start('new', { versions: [1, 2] });
        expect(await sluice.result(waiting)).toEqual([2, 2, 2]);

        await stop('old');
        await start('newest', { versions: [2], missingActionMs: 1 });
        await stop('new');
        const missed = await sluice.start('greeting-1');
        await expect(sluice.result(missed)).rejects.toMatchObject({
          code: 'ACTION_NOT_FOUND',
          message: expect.stringMatching(/version 1.*No worker had it for 1 ms/) as string,
        });
      } finally {
        for (const name of [...stops.keys()]) await stop(name);
      }
    });
  });

  it('a run whose current version lacks its action waits with worker versioning until that version is back', async () => {
    await withSluice({ startWorker: false }, async (sluice) => {
      const name = `sluice-${randomUUID().slice(0, 8)}`;
      const auto = { name, versioning: 'auto-upgrade' } as const;
      const stopOld = await startVersion(sluice, { ...auto, buildId: '1' }, { versions: [1] });
      const stopNew = await startVersion(sluice, { ...auto, buildId: '2' }, { versions: [1, 2] });
      try {
        await makeCurrent(sluice, name, '2');
        await sluice.publish(greeting(2));
        expect(await results(sluice, 'greeting-2', 2)).toEqual([
          [2, 2, 2],
          [2, 2, 2],
        ]);
        await makeCurrent(sluice, name, '1');
        const waiting = await sluice.start('greeting-2');
        expect(await reasonOf(sluice, waiting)).toMatch(/version 2/);
        await makeCurrent(sluice, name, '2');
        expect(await sluice.result(waiting)).toEqual([2, 2, 2]);
      } finally {
        await stopOld();
        await stopNew();
      }
    });
  });
});
