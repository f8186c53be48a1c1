/**
 * An upgrade with two real workers of different code, as processes: versions of an action are added and
 * removed, and the release goes forward, back and forward again.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StartedRun } from '../../../client/index.js';
import { needs } from '../../support/requirements.js';
import { startServer, type Server } from '../../support/servers/surreal-server.js';
import { waitFor } from '../../support/wait-for.js';
import { Stack } from '../stack.js';
import type { WorkerProcess } from '../worker-process.js';

const LIMIT_MS = 240_000;
const RUNS = 6;

/** Calls that version in a step, in a local step, and after a wait. */
const greeting = (version: number): string => `
id: greeting-${version}
version: 1
steps:
  - { id: a, type: action.call, action: test.greet, version: ${version}, saveAs: vars.a }
  - { id: b, type: action.call, action: test.greet, version: ${version}, local: true, saveAs: vars.b }
  - { id: w, type: event.wait, eventName: GO, when: { $expr: payload.waits } }
  - { id: c, type: action.call, action: test.greet, version: ${version}, saveAs: vars.c }
result: { $expr: '[vars.a, vars.b, vars.c]' }
`;

describe('two worker processes of different code [deployments-fail-no-run]', needs('surreal'), () => {
  let server: Server;
  beforeAll(async () => void (server = await startServer()));
  afterAll(() => server.kill());

  const withStack = (database: string, test: (stack: Stack) => Promise<void>) =>
    Stack.with(
      {
        env: {
          ...{ SURREAL_URL: server.url, SURREAL_USER: 'root', SURREAL_PASS: 'root' },
          SURREAL_DATABASE: database,
        },
      },
      test,
    );
  const greet = (stack: Stack, version: number, waits = false) =>
    stack.client.start(`greeting-${version}`, { waits });
  const all = async (stack: Stack, version: number) => {
    const runs = await Promise.all(Array.from({ length: RUNS }, () => greet(stack, version)));
    const ends = await Promise.all(runs.map((run) => stack.end(run)));
    expect(ends).toEqual(Array.from({ length: RUNS }, () => [version, version, version]));
  };
  const go = (stack: Stack, { workflowId }: StartedRun) =>
    stack.client.signalEvent(workflowId, { eventName: 'GO' });
  const goneWithin = async (...workers: readonly WorkerProcess[]) => {
    for (const worker of workers) worker.terminate();
    for (const worker of workers) expect(await worker.ended()).toBe(0);
  };
  /** Waits until Temporal shows why the run does not go on. */
  const lacks = async (stack: Stack, { workflowId }: StartedRun, version = 2) => {
    const reason = await waitFor(async () => {
      const { raw } = await stack.client.temporal.workflow.getHandle(workflowId).describe();
      return raw.pendingActivities?.[0]?.lastFailure?.message ?? undefined;
    }, LIMIT_MS);
    expect(reason).toMatch(new RegExp(`This worker lacks it: .*version ${version}`));
  };

  it('an upgrade, its way back and the removal of a version fail no run', { timeout: LIMIT_MS }, async () => {
    await withStack('plain', async (stack) => {
      const old = await stack.startWorker({ CHAOS_GREETS: '1' });
      await stack.client.publishDefinition(greeting(1));
      const open = await greet(stack, 1, true);
      await stack.waits(open, 'w');

      // Forward: the new worker comes while the old one runs. Either may be asked for what one of them has.
      const added = await stack.startWorker({ CHAOS_GREETS: '1,2' });
      await stack.client.publishDefinition(greeting(2));
      await all(stack, 2);
      const kept = await greet(stack, 2, true);
      await stack.waits(kept, 'w');

      // Back: the old worker alone lets a run of the new version wait, and fails none.
      added.terminate();
      expect(await added.ended()).toBe(0);
      await stack.client.signalEvent(kept.workflowId, { eventId: 'go-1', eventName: 'GO', payload: null });
      await lacks(stack, kept);
      await all(stack, 1);

      // Forward again, and the old version is still there for the run that began with it.
      const again = await stack.startWorker({ CHAOS_GREETS: '1,2' });
      old.terminate();
      expect(await old.ended()).toBe(0);
      expect(await stack.end(kept)).toEqual([2, 2, 2]);
      await stack.client.signalEvent(open.workflowId, { eventId: 'go-2', eventName: 'GO', payload: null });
      expect(await stack.end(open)).toEqual([1, 1, 1]);

      // A worker without the old version: what calls the new one goes on.
      await stack.startWorker({ CHAOS_GREETS: '2' });
      again.terminate();
      expect(await again.ended()).toBe(0);
      await all(stack, 2);
    });
  });

  it(
    'a version that a run still needs is removed: the run waits and says which, and goes on when it is back or fails by its code',
    { timeout: LIMIT_MS },
    async () => {
      await withStack('removed', async (stack) => {
        const both = await stack.startWorker({ CHAOS_GREETS: '1,2' });
        await stack.client.publishDefinition(greeting(1));
        const [needing, missing] = [await greet(stack, 1, true), await greet(stack, 1, true)];
        for (const run of [needing, missing]) await stack.waits(run, 'w');

        const bare = await stack.startWorker({ CHAOS_GREETS: '2' });
        await goneWithin(both);
        await go(stack, needing);
        await lacks(stack, needing, 1);
        const back = await stack.startWorker({ CHAOS_GREETS: '1,2' });
        expect(await stack.end(needing)).toEqual([1, 1, 1]);

        await goneWithin(bare, back);
        await stack.startWorker({ CHAOS_GREETS: '2', SLUICE_MISSING_ACTION_MS: '1' });
        await go(stack, missing);
        await expect(stack.client.result(missing.workflowId)).rejects.toMatchObject({
          code: 'ACTION_NOT_FOUND',
          message: expect.stringMatching(/version 1.*No worker had it for 1 ms/) as string,
        });
      });
    },
  );

  it(
    'with worker versioning an upgrade, its way back and the removal of a version that a run needs fail no run',
    { timeout: LIMIT_MS },
    async () => {
      await withStack('versioned', async (stack) => {
        const deploymentName = `sluice-${randomUUID().slice(0, 8)}`;
        const build = (buildId: string, greets: string) =>
          stack.startWorker({
            SLUICE_WORKER_DEPLOYMENT: deploymentName,
            SLUICE_WORKER_BUILD_ID: buildId,
            CHAOS_GREETS: greets,
          });
        const makeCurrent = (buildId: string) => {
          const { workflowService, options } = stack.client.temporal;
          const { namespace } = options;
          // The server learns of a version at its first poll.
          return waitFor(async () => {
            await workflowService.setWorkerDeploymentCurrentVersion({ namespace, deploymentName, buildId });
            return true;
          }, LIMIT_MS);
        };
        const old = await build('1', '1');
        await makeCurrent('1');
        await stack.client.publishDefinition(greeting(1));
        const [open, needing] = [await greet(stack, 1, true), await greet(stack, 1, true)];
        for (const run of [open, needing]) await stack.waits(run, 'w');

        // Forward. Publishing is asked of the current version alone.
        const added = await build('2', '1,2');
        await makeCurrent('2');
        await stack.client.publishDefinition(greeting(2));
        await all(stack, 2);
        const kept = await greet(stack, 2, true);
        await stack.waits(kept, 'w');

        // Back, and forward again.
        await makeCurrent('1');
        await go(stack, kept);
        await lacks(stack, kept);
        await all(stack, 1);
        await makeCurrent('2');
        expect(await stack.end(kept)).toEqual([2, 2, 2]);
        await goneWithin(old);
        await go(stack, open);
        expect(await stack.end(open)).toEqual([1, 1, 1]);

        // A release without the version that a run needs; its way back.
        await build('3', '2');
        await makeCurrent('3');
        await all(stack, 2);
        await go(stack, needing);
        await lacks(stack, needing, 1);
        await makeCurrent('2');
        expect(await stack.end(needing)).toEqual([1, 1, 1]);
        await makeCurrent('3');
        await goneWithin(added);
        await all(stack, 2);
      });
    },
  );
});
