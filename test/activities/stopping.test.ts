import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineAction, SluiceError } from '../../actions/index.js';
import type { ActionContext } from '../../contracts/run/action.js';
import type { ProjectionStore } from '../../contracts/run/projection.js';
import { waitFor } from '../support/wait-for.js';
import { gate } from './gate.js';
import { openWorld, type World, type WorldOptions } from './world.js';

/** What the action does in each of its runs, first to last; the last one is repeated. */
type Script = readonly ((context: ActionContext) => unknown)[];

let openedWorld: World | undefined;
afterEach(async () => {
  await openedWorld?.close();
  openedWorld = undefined;
});

const LIMITS = { afterShutdownMs: 100, afterTimeoutMs: 50, commitRetryMs: 300 };

/** A world whose action `test.play` plays a script. */
async function play(
  script: Script,
  options: Partial<WorldOptions> = {},
): Promise<{ world: World; runs: () => number }> {
  let runs = 0;
  const action = defineAction({
    id: 'test.play',
    version: 1,
    input: z.json(),
    output: z.unknown(),
    run: (_input, context) => script[Math.min(runs++, script.length - 1)]?.(context),
  });
  const world = await openWorld({ actions: [action], limits: LIMITS, ...options });
  openedWorld = world;
  return { world, runs: () => runs };
}

/** Ends when it is told to stop, by throwing what it was told. */
const obedient = ({ signal }: ActionContext): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });

describe("an action's own timeout", () => {
  const timedOut = { kind: 'failure', type: 'ACTION_TIMEOUT', nonRetryable: true };

  it('a timeout ends an action that obeys its signal with ACTION_TIMEOUT, a retryable business error', async () => {
    const { world } = await play([obedient]);
    const { outcome, runId } = await world.call({ type: 'test.play', envelope: { timeoutMs: 60 } });
    expect(outcome).toMatchObject({ ...timedOut, message: 'test.play took longer than 60 ms' });
    expect(outcome).toMatchObject({ details: [{ category: 'timeout', retryable: true, committed: true }] });
    expect(await world.ledger(runId)).toMatchObject({ status: 'FAILED', error: { code: 'ACTION_TIMEOUT' } });
  });

  it('a timeout ends an action that ignores its signal, and drops all that it does later [late-outcomes-are-dropped]', async () => {
    const late = gate();
    const done = gate();
    const afterwards: unknown[] = [];
    const { world } = await play([
      async (context) => {
        await late.open;
        for (const use of [
          () => context.writes.add('late', 'UPSERT late:one SET v = 1'),
          () => context.artifact('late'),
        ]) {
          try {
            use();
          } catch (error) {
            afterwards.push((error as SluiceError).message);
          }
        }
        context.heartbeat('late');
        done.reach();
        return { late: true };
      },
    ]);
    const { outcome, runId } = await world.call({ type: 'test.play', envelope: { timeoutMs: 60 } });
    expect(outcome).toMatchObject(timedOut);
    late.release();
    await done.reached;
    expect(afterwards).toEqual([expect.stringMatching(/too late/), expect.stringMatching(/too late/)]);
    expect(await world.ledger(runId)).toMatchObject({ status: 'FAILED', output: null });
    expect(await world.dump()).not.toContain('late:one');
  });

  it('a long action that sends heartbeats runs on past the heartbeat timeout', async () => {
    const go = gate();
    const { world, runs } = await play([
      async () => {
        go.reach();
        await go.open;
        return 'done';
      },
    ]);
    const handle = await world.start({ type: 'test.play', heartbeatMs: 300 });
    await go.reached;
    const leaseEnd = async (): Promise<number> =>
      Date.parse((await world.ledger(handle.firstExecutionRunId))?.lease?.until ?? '');
    const first = await leaseEnd();
    await waitFor(async () => (await leaseEnd()) > first + 900);
    go.release();
    // Not `recorded`: the first attempt was answered.
    expect(await handle.result()).toEqual({
      kind: 'result',
      result: { output: 'done', signals: '', seal: expect.any(String) as string },
    });
    expect(runs()).toBe(1);
  });
});

describe('a cancellation', () => {
  it('a cancellation reaches the action, and the workflow goes on only when the action has really stopped', async () => {
    const told = gate();
    const { world } = await play([
      async ({ signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        told.reach();
        await told.open;
        throw new Error('stopped half-way');
      },
    ]);
    const handle = await world.start({ type: 'test.play', heartbeatMs: 300 });
    await waitFor(() => world.ledger(handle.firstExecutionRunId));
    await handle.cancel();
    await told.reached;
    expect((await handle.describe()).status.name).toBe('RUNNING');
    expect(await world.ledger(handle.firstExecutionRunId)).toMatchObject({ status: 'STARTED' });
    told.release();
    expect(await handle.result()).toEqual({ kind: 'cancelled' });
    expect(await world.ledger(handle.firstExecutionRunId)).toMatchObject({
      status: 'FAILED',
      error: { code: 'ACTION_CANCELED' },
    });
  });

  it('a cancellation does not undo an action that completes all the same', async () => {
    const { world } = await play([
      ({ signal }) =>
        new Promise((resolve) =>
          signal.addEventListener('abort', () => resolve('committed'), { once: true }),
        ),
    ]);
    const handle = await world.start({ type: 'test.play', heartbeatMs: 300 });
    await waitFor(() => world.ledger(handle.firstExecutionRunId));
    await handle.cancel();
    expect(await handle.result()).toEqual({
      kind: 'result',
      result: { output: 'committed', signals: '', seal: expect.any(String) as string },
    });
    expect(await world.ledger(handle.firstExecutionRunId)).toMatchObject({ status: 'SUCCEEDED' });
  });

  it('the cancellation of an action that ignores it ends at the timeout of the action', async () => {
    const never = gate();
    const { world } = await play([() => never.open]);
    const handle = await world.start({ type: 'test.play', heartbeatMs: 300, envelope: { timeoutMs: 600 } });
    await waitFor(() => world.ledger(handle.firstExecutionRunId));
    await handle.cancel();
    expect(await handle.result()).toEqual({ kind: 'cancelled' });
    never.release();
  });
});

describe('a worker that shuts down', () => {
  it.each([
    ['obeys its signal', obedient],
    [
      'answers with its own error',
      (context: ActionContext) =>
        obedient(context).catch(() => {
          throw new SluiceError('GATEWAY_LOST', 'aborted', { retryable: false });
        }),
    ],
  ])(
    'an action that %s while its worker shuts down repeats on another worker at once, with the same attempt and key',
    async (_how, first) => {
      const keys: string[] = [];
      const note = (context: ActionContext): void =>
        void keys.push(`${context.idempotencyKey} ${context.attempt}`);
      const begun = gate();
      const { world, runs } = await play([
        (context) => {
          note(context);
          begun.reach();
          return first(context);
        },
        (context) => {
          note(context);
          return 'by the other';
        },
      ]);
      const handle = await world.start({ type: 'test.play', heartbeatMs: 60_000 });
      await begun.reached;
      await world.firstWorker.shutdown();
      const stopped = Date.now();
      await world.startWorker();
      expect(await handle.result()).toMatchObject({ kind: 'result', result: { output: 'by the other' } });
      // The worker gave up its lease of two heartbeat timeouts, or this would have taken two minutes.
      expect(Date.now() - stopped).toBeLessThan(20_000);
      expect(runs()).toBe(2);
      expect(keys[0]).toBe(keys[1]);
      expect(await world.ledger(handle.firstExecutionRunId)).toMatchObject({
        status: 'SUCCEEDED',
        attempts: 2,
      });
    },
  );

  it('a worker that shuts down lets an action end by itself within the grace time', async () => {
    const begun = gate();
    let aborted = false;
    const { world, runs } = await play(
      [
        async ({ signal }) => {
          begun.reach();
          await begun.open;
          aborted = signal.aborted;
          return 'in time';
        },
      ],
      { shutdownGraceMs: 10_000 },
    );
    const handle = await world.start({ type: 'test.play' });
    await begun.reached;
    const stopping = world.firstWorker.shutdown();
    begun.release();
    await stopping;
    await waitFor(async () => (await world.ledger(handle.firstExecutionRunId))?.status === 'SUCCEEDED');
    await world.startWorker();
    expect(await handle.result()).toMatchObject({ kind: 'result', result: { output: 'in time' } });
    expect([runs(), aborted]).toEqual([1, false]);
  });

  it('a worker that shuts down does not wait for an action that ignores its signal, whose lease keeps other workers off', async () => {
    const never = gate();
    const { world, runs } = await play([() => never.open, () => 'after the lease']);
    const handle = await world.start({ type: 'test.play', heartbeatMs: 400 });
    await waitFor(() => runs() === 1);
    await world.firstWorker.shutdown();
    expect(await world.ledger(handle.firstExecutionRunId)).toMatchObject({ status: 'STARTED' });
    await world.startWorker();
    expect(await handle.result()).toMatchObject({ kind: 'result', result: { output: 'after the lease' } });
    expect(runs()).toBe(2);
    never.release();
  });
});

describe('a lease', () => {
  const lease = (world: World, key: string, holder: string, ms: number) =>
    world.projections.beginAction(
      {
        run: { runId: 'other-run', tenant: 'default', definition: 'testing', version: 1 },
        workflowId: 'other',
        executionId: 'other',
      },
      [],
      {
        idempotencyKey: key,
        action: 'test.play',
        actionVersion: 1,
        step: { path: 'steps[0]', id: 'one', iteration: [], attempt: 1 },
        input: null,
        local: true,
      },
      { holder, forMs: ms },
    );

  it('an attempt waits for the lease of another live worker, and the action does not run meanwhile', async () => {
    const { world, runs } = await play([() => 'mine']);
    await lease(world, 'shared', 'somebody', 1_500);
    const begun = Date.now();
    const { outcome } = await world.call({ type: 'test.play', envelope: { idempotencyKey: 'shared' } });
    expect(outcome).toMatchObject({ kind: 'result', result: { output: 'mine' } });
    expect(Date.now() - begun).toBeGreaterThan(1_000);
    expect(runs()).toBe(1);
  });

  it('a lease that another worker takes over stops the action and leaves the outcome to that worker', async () => {
    const begun = gate();
    const { world, runs } = await play([
      (context) => {
        begun.reach();
        return obedient(context);
      },
      () => 'second time',
    ]);
    const handle = await world.start({
      type: 'test.play',
      heartbeatMs: 600,
      envelope: { idempotencyKey: 'taken' },
    });
    await begun.reached;
    const key = 'taken';
    await world.projections.database.request(
      `UPDATE action_invocation SET lease_holder = 'somebody', lease_until = time::millis(time::now()) + 1000 WHERE id[1] = $key`,
      { key },
    );
    await waitFor(() => runs() === 2);
    expect(await handle.result()).toMatchObject({ kind: 'result', result: { output: 'second time' } });
  });
});

describe('the database away', () => {
  const away = () => Promise.reject(new SluiceError('DATABASE_UNAVAILABLE', 'away'));

  /** A store in which a method fails as often as the test says. */
  function failing(method: 'beginAction' | 'finishAction' | 'renewLease', times: () => number) {
    let failed = 0;
    return (store: ProjectionStore): ProjectionStore => ({
      ...store,
      [method]: (...args: never[]) =>
        failed++ < times() ? away() : (store[method] as (...args: never[]) => unknown)(...args),
    });
  }

  it('a database that is away for a moment at the end of an action does not make it run again', async () => {
    const { world, runs } = await play([() => 'once'], { through: failing('finishAction', () => 3) });
    const { outcome, runId } = await world.call({ type: 'test.play' });
    expect(outcome).toMatchObject({ kind: 'result', result: { output: 'once' } });
    expect(runs()).toBe(1);
    expect(await world.ledger(runId)).toMatchObject({ status: 'SUCCEEDED', attempts: 1 });
  });

  it('a database that is away for long fails no run: the same attempt repeats until it is back', async () => {
    let left = Number.POSITIVE_INFINITY;
    const { world, runs } = await play([() => 'in the end'], { through: failing('beginAction', () => left) });
    const handle = await world.start({ type: 'test.play' });
    await waitFor(async () => {
      const { pendingActivities } = (await handle.describe()).raw;
      return (
        (pendingActivities?.[0]?.attempt ?? 0) > 1 && pendingActivities?.[0]?.lastFailure?.message === 'away'
      );
    });
    expect(runs()).toBe(0);
    left = 0;
    expect(await handle.result()).toMatchObject({ kind: 'result', result: { output: 'in the end' } });
    expect(runs()).toBe(1);
  });

  it('a database that is away at the renewal of a lease ends nothing', async () => {
    const go = gate();
    let renewals = 0;
    const { world } = await play([() => go.open.then(() => 'fine')], {
      through: failing('renewLease', () => {
        renewals++;
        return Number.POSITIVE_INFINITY;
      }),
    });
    const handle = await world.start({ type: 'test.play', heartbeatMs: 300 });
    await waitFor(() => renewals > 2);
    go.release();
    expect(await handle.result()).toMatchObject({ kind: 'result', result: { output: 'fine' } });
    expect(world.logged.join('\n')).toContain('could not be renewed');
  });
});
