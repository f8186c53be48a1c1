/**
 * [resets-are-noticed]: a run that is reset to before its end continues; its rows are live again, and it gets
 * its events.
 */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineAction } from '../../../actions/index.js';
import type { StartedRun } from '../../../client/index.js';
import { SluiceError } from '../../../contracts/errors.js';
import type { SluiceTest } from '../../support/sluice.js';
import { waitFor } from '../../support/wait-for.js';
import { isWatched, reconciledUntil, rowWaits, seen, temporalHas, type World, withWorld } from './world.js';

/** Counts external effects by idempotency key; `test.ship` fails while the test says so. */
function outside() {
  const acted: Record<string, number> = {};
  const state = { fails: false };
  const action = (id: string, run: () => void) =>
    defineAction({
      id,
      version: 1,
      description: 'Is counted.',
      input: z.json(),
      output: z.object({ by: z.string(), n: z.number() }),
      run: (_, { idempotencyKey }) => {
        run();
        const n = (acted[idempotencyKey] ?? 0) + 1;
        acted[idempotencyKey] = n;
        return { by: id, n };
      },
    });
  return {
    acted,
    state,
    actions: [
      action('test.charge', () => undefined),
      action('test.ship', () => {
        if (state.fails) throw new SluiceError('NO_CARRIER', 'No carrier', { retryable: false });
      }),
    ],
  };
}

const ORDER = `
id: order
version: 1
steps:
  - { id: charge, type: action.call, action: test.charge, saveAs: vars.charge }
  - { id: named, type: state.set, state: charged }
  - { id: paid, type: event.wait, eventName: PAID, correlationKey: o-1 }
  - { id: ship, type: action.call, action: test.ship, saveAs: vars.ship }
result: { charge: { $expr: vars.charge }, ship: { $expr: vars.ship } }
`;
const paid = (eventId: string) => ({ eventId, eventName: 'PAID', correlationKey: 'o-1' });
const WAITING = {
  status: 'WAITING',
  ended: false,
  steps: ['steps[0] SUCCEEDED', 'steps[1] SUCCEEDED', 'steps[2] WAITING'],
  waits: ['steps[2] WAITING'],
  gaps: [],
  doubled: [],
};
const DONE = {
  status: 'SUCCEEDED',
  steps: ['steps[0] SUCCEEDED', 'steps[1] SUCCEEDED', 'steps[2] SUCCEEDED', 'steps[3] SUCCEEDED'],
  waits: ['steps[2] SATISFIED'],
  gaps: [],
  doubled: [],
};

/** Resets with the command, to the last workflow task completed before an event of the given kind. */
async function resetBefore(
  { sluice, temporal }: World,
  run: StartedRun,
  attributes: string,
  ...more: string[]
): Promise<void> {
  const history = await sluice.history(run);
  const at = history.findIndex((event) => attributes in event && Reflect.get(event, attributes) !== null);
  const task = history.slice(0, at).findLast((event) => event.workflowTaskCompletedEventAttributes);
  await temporal(
    ...['workflow', 'reset', '--workflow-id', run.workflowId, '--reason', 'test'],
    ...['--event-id', String(task?.eventId), ...more],
  );
  await temporalHas(sluice, run, 'RUNNING');
}

/** The result of the run's latest execution. */
async function resultOf({ client }: SluiceTest, { workflowId }: StartedRun): Promise<unknown> {
  return client.temporal.workflow.getHandle(workflowId).result();
}

describe('A run that is reset', () => {
  it('a run reset to before its cancellation waits again, gets its event, and does nothing twice [resets-are-noticed]', () => {
    const { acted, actions } = outside();
    return withWorld({ actions }, async (world) => {
      const { sluice, reconciler, temporal } = world;
      const run = await sluice.startSource(ORDER);
      await rowWaits(sluice, run);
      await temporal('workflow', 'cancel', '--workflow-id', run.workflowId);
      await temporalHas(sluice, run, 'CANCELLED');
      await reconciler.pass();
      expect(await seen(sluice, run)).toMatchObject({ status: 'CANCELED', waits: ['steps[2] CANCELED'] });
      expect(await isWatched(sluice, run), 'confirmed, and found again all the same').toBe(false);

      await resetBefore(world, run, 'workflowExecutionCancelRequestedEventAttributes');
      const rows = await reconciledUntil(world, run, ({ status }) => status === 'WAITING');
      expect(rows).toMatchObject(WAITING);
      expect(rows.types.at(-1)).toBe('SNAPSHOT');
      for (let n = 0; n < 3; n++) expect((await reconciler.pass()).resynced, 'asked once').toBe(0);

      await sluice.signal(run, paid('e-1'));
      expect(await resultOf(sluice, run)).toMatchObject({ charge: { n: 1 }, ship: { n: 1 } });
      expect(await seen(sluice, run)).toMatchObject(DONE);
      const { items } = await sluice.projections.reads.listEvents(sluice.tenant, run.runId, {
        superseded: true,
        limit: 500,
      });
      const gone = items.filter(({ superseded }) => superseded).map(({ type }) => type);
      expect(gone, 'kept, and marked').toEqual(
        expect.arrayContaining(['RUN_CANCEL_REQUESTED', 'RUN_CANCELED']),
      );
      expect(Object.values(acted)).toEqual([1, 1]);
    });
  });

  it('a run reset to before its failure ends as it does now, and keeps what had succeeded', () => {
    const { acted, actions, state } = outside();
    return withWorld({ actions }, async (world) => {
      const { sluice, reconciler } = world;
      state.fails = true;
      const run = await sluice.startSource(ORDER);
      await sluice.signal(run, paid('e-1'));
      await expect(sluice.result(run)).rejects.toMatchObject({ code: 'NO_CARRIER' });
      await reconciler.pass();
      expect(await seen(sluice, run)).toMatchObject({ status: 'FAILED', error: 'NO_CARRIER' });

      state.fails = false;
      await resetBefore(world, run, 'activityTaskFailedEventAttributes');
      expect(await resultOf(sluice, run)).toMatchObject({ charge: { n: 1 }, ship: { n: 1 } });
      expect(await reconciledUntil(world, run, ({ status }) => status === 'SUCCEEDED')).toMatchObject({
        ...DONE,
        error: undefined,
      });
      expect(Object.values(acted)).toEqual([1, 1]);
    });
  });

  it('a run reset to before the end of a wait waits again; later events are superseded, and no action runs again', () => {
    const { acted, actions } = outside();
    return withWorld({ actions }, async (world) => {
      const { sluice, reconciler } = world;
      const run = await sluice.startSource(ORDER);
      await rowWaits(sluice, run);
      await sluice.signal(run, paid('e-1'));
      const first = await sluice.result(run);
      await reconciler.pass();

      await resetBefore(
        world,
        run,
        'workflowExecutionSignaledEventAttributes',
        '--reapply-exclude',
        'Signal',
      );
      const rows = await reconciledUntil(world, run, ({ status }) => status === 'WAITING');
      // The ledger has the next step as done: its row says so, and its recorded output will be used.
      const steps = [...WAITING.steps, 'steps[3] SUCCEEDED'];
      expect(rows).toMatchObject({ ...WAITING, steps, result: null });
      await sluice.signal(run, paid('e-2'));
      expect(await resultOf(sluice, run), 'the recorded outputs').toEqual(first);
      expect(await seen(sluice, run)).toMatchObject(DONE);
      expect(Object.values(acted), 'nothing was done twice').toEqual([1, 1]);
    });
  });

  it('a run that is reset and terminated before it writes anything ends as Temporal says', () =>
    withWorld({ actions: outside().actions }, async (world) => {
      const { sluice, temporal } = world;
      const run = await sluice.startSource(ORDER);
      await rowWaits(sluice, run);
      await temporal('workflow', 'cancel', '--workflow-id', run.workflowId);
      await temporalHas(sluice, run, 'CANCELLED');
      await sluice.stopWorker();
      await resetBefore(world, run, 'workflowExecutionCancelRequestedEventAttributes');
      await temporal('workflow', 'terminate', '--workflow-id', run.workflowId);
      const rows = await reconciledUntil(world, run, ({ status }) => status === 'TERMINATED');
      expect(rows).toMatchObject({ ended: true, waits: ['steps[2] CANCELED'], gaps: [], doubled: [] });
    }));

  it('a run reset to before a child starts the child again', () =>
    withWorld({}, async (world) => {
      const { sluice } = world;
      await sluice.publish(`
id: inner
version: 1
steps: [{ id: go, type: event.wait, eventName: GO }]
result: done
`);
      const run = await sluice.startSource(`
id: outer
version: 1
steps:
  - { id: note, type: state.set, state: calls }
  - { id: call, type: control.callWorkflow, workflow: inner, saveAs: vars.out }
result: { out: { $expr: vars.out } }
`);
      const children = async () =>
        (await sluice.projections.reads.listRuns(sluice.tenant, { parentRunId: run.runId })).items;
      await waitFor(async () => (await children()).some(({ status }) => status === 'WAITING'));
      const [before] = await children();
      await resetBefore(world, run, 'startChildWorkflowExecutionInitiatedEventAttributes');

      const again = await waitFor(async () => {
        await world.reconciler.pass();
        return (await children()).find(
          ({ runId, status }) => runId !== before?.runId && status === 'WAITING',
        );
      });
      await sluice.client.signalEvent(again.workflowId, { eventId: 'g-1', eventName: 'GO' });
      expect(await resultOf(sluice, run)).toEqual({ out: 'done' });
      const rows = await reconciledUntil(world, run, ({ status }) => status === 'SUCCEEDED');
      expect(rows).toMatchObject({ gaps: [], doubled: [] });

      const handle = sluice.client.temporal.workflow.getHandle(before?.workflowId ?? '');
      const { status } = await handle.describe();
      if (status.name === 'RUNNING') await handle.terminate();
      const first = { workflowId: before?.workflowId ?? '', runId: before?.runId ?? '' };
      await reconciledUntil(world, first, ({ ended }) => ended);
    }));
});
