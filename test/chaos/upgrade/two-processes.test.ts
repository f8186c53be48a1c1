/**
 * An upgrade with two real workers of different code, as processes: versions of an action are added and
 * removed, and the release goes forward, back and forward again.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StartedRun } from '../../../client/index.js';
import { needs } from '../../support/requirements.js';
import { startServer, type Server } from '../../support/servers/surreal-server.js';
import { waitFor } from '../../support/wait-for.js';
import { Stack } from '../stack.js';

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
  /** Waits until Temporal shows why the run does not go on. */
  const lacks = async (stack: Stack, { workflowId }: StartedRun) => {
    const reason = await waitFor(async () => {
      const { raw } = await stack.client.temporal.workflow.getHandle(workflowId).describe();
      return raw.pendingActivities?.[0]?.lastFailure?.message ?? undefined;
    }, LIMIT_MS);
    expect(reason).toMatch(/version 2/);
  };

  it('an upgrade, its way back and the removal of a version fail no run', { timeout: LIMIT_MS }, async () => {
    await withStack('plain', async (stack) => {
      const old = await stack.startWorker({ CHAOS_GREETS: '1' });
      await stack.client.publishDefinition(greeting(1));
      const open = await greet(stack, 1, true);
      await stack.waits(open, 'w');

      // Forward: the new worker comes while the old one runs. Either may be asked for what one of them has.
      const added = await stack.startWorker({ CHAOS_GREETS: '1,2' });
      // It may be asked of the old worker a few times in a row, and is then refused with what is missing.
      await waitFor(() => stack.client.publishDefinition(greeting(2)), LIMIT_MS);
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
});
