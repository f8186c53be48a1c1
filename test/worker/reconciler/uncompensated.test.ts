/** A terminated run cannot compensate: its remaining compensations become dead letters, and can be run. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineAction, SluiceError } from '../../../actions/index.js';
import type { SluiceTest } from '../../support/sluice.js';
import { waitFor } from '../../support/wait-for.js';
import type { StartedRun } from '../../../client/index.js';
import { reconciledUntil, rowWaits, seen, withWorld, type World } from './world.js';

function things() {
  const made = new Set<string>();
  const undone: string[] = [];
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  /** The number of things that can be unmade before the service goes down. */
  const state = { works: Number.POSITIVE_INFINITY };
  const make = defineAction({
    id: 'test.make',
    version: 1,
    description: 'Makes a thing; a slow one ignores its cancellation until the test ends it.',
    input: z.object({ id: z.string(), slow: z.boolean().default(false) }),
    output: z.object({ made: z.string() }),
    async run({ id, slow }, context) {
      made.add(id);
      context.artifact(`artifact-${id}`);
      if (slow) await opened;
      return { made: id };
    },
  });
  const unmake = defineAction({
    id: 'test.unmake',
    version: 1,
    description: 'Unmakes a thing.',
    input: z.object({ id: z.string() }),
    output: z.null(),
    run({ id }, { compensation }) {
      if (undone.length >= state.works) throw new SluiceError('DOWN', 'down');
      undone.push(`${id} ${compensation?.artifacts_to_undo.join(',')}`);
      made.delete(id);
      return null;
    },
  });
  return { made, undone, state, open: () => open(), actions: [make, unmake] };
}

const step = (id: string, more = '') => `
  - id: ${id}
    type: action.call
    action: test.make
    input: { id: ${id}${more} }
    compensate: { action: test.unmake, input: { id: { $expr: output.made } } }`;

describe('A run that is terminated', () => {
  it('a terminated run leaves its compensation stack as dead letters, the last first, for an operator', async () => {
    const { made, undone, actions } = things();
    await withWorld({ actions }, async (world) => {
      const { sluice, reconciler, temporal } = world;
      const run = await sluice.startSource(`id: left
version: 1
steps:${step('a')}${step('b')}
  - { id: w, type: event.wait, eventName: NEVER }`);
      await sluice.waiting(run);
      await temporal('workflow', 'terminate', '--workflow-id', run.workflowId, '--reason', 'enough');
      await reconciledUntil(world, run, ({ status }) => status === 'TERMINATED');
      await reconciler.pass();
      const { deadLetters } = sluice.client;
      const { items } = await deadLetters.list({ runId: run.runId });
      expect(items.map(({ subject, canRetry }) => [subject, canRetry])).toEqual([
        ['test.unmake of b', true],
        ['test.unmake of a', true],
      ]);
      expect(items[0]?.reason).toContain('TERMINATED');
      for (const { id } of items) await deadLetters.retry(id);
      expect(undone).toEqual(['b artifact-b', 'a artifact-a']);
      expect([...made]).toEqual([]);
    });
  });

  it('a run terminated during its compensation leaves only what it had not compensated', async () => {
    const { state, actions } = things();
    await withWorld({ actions }, async (world) => {
      const { sluice, temporal } = world;
      const run = await sluice.startSource(`id: halfway
version: 1
steps:${step('a')}
  - id: b
    type: action.call
    action: test.make
    input: { id: b }
    compensate: { action: test.unmake, input: { id: b }, retry: { maxAttempts: 100, backoffMs: 60000 } }
${step('c').slice(1)}
  - { id: w, type: event.wait, eventName: GO }
  - { id: no, type: control.fail }`);
      await sluice.waiting(run);
      const { workflow } = sluice.client.temporal;
      // c is compensated, then the service goes down: b waits for its second attempt.
      state.works = 1;
      await workflow.getHandle(run.workflowId).signal('event', { eventId: '1', eventName: 'GO' });
      await waitFor(async () => {
        const { items } = await sluice.projections.reads.listSteps(sluice.tenant, run.runId);
        return items.some(({ path, status }) => path === 'steps[1].compensate' && status === 'RETRYING');
      });
      await temporal('workflow', 'terminate', '--workflow-id', run.workflowId);
      await reconciledUntil(world, run, ({ status }) => status === 'TERMINATED');
      const { items } = await sluice.client.deadLetters.list({ runId: run.runId });
      expect(items.map(({ subject }) => subject)).toEqual(['test.unmake of b', 'test.unmake of a']);
    });
  });

  it('a run terminated in the middle of an action also leaves what only the ledger knows', async () => {
    const { made, undone, open, actions } = things();
    await withWorld({ actions }, async (world) => {
      const { sluice, temporal } = world;
      const run = await sluice.startSource(`id: cut
version: 1
steps:${step('a')}${step('slow', ', slow: true')}`);
      await waitFor(() => made.has('slow'));
      await temporal('workflow', 'terminate', '--workflow-id', run.workflowId);
      open();
      await waitFor(async () => {
        const rows = await sluice.projections.reads.listInvocations(sluice.tenant, run.runId);
        return rows.some(({ stepId, status }) => stepId === 'slow' && status === 'SUCCEEDED');
      });
      await reconciledUntil(world, run, ({ status }) => status === 'TERMINATED');
      const { deadLetters } = sluice.client;
      const { items } = await deadLetters.list({ runId: run.runId });
      expect(items.map(({ subject }) => subject)).toEqual(['test.unmake of slow', 'test.unmake of a']);
      for (const { id } of items) await deadLetters.retry(id);
      expect(undone).toEqual(['slow artifact-slow', 'a artifact-a']);
    });
  });
});

describe('A run that ends by itself', () => {
  it('a run that ends by itself leaves no letter, neither after success nor after its compensation', async () => {
    const { actions } = things();
    await withWorld({ actions }, async ({ sluice, reconciler }) => {
      const source = (id: string, end: string) => `id: ${id}\nversion: 1\nsteps:${step('a')}\n  - ${end}`;
      const good = await sluice.startSource(source('good', '{ id: e, type: control.return }'));
      await sluice.result(good);
      const bad = await sluice.startSource(source('bad', '{ id: e, type: control.fail }'));
      await sluice.result(bad).catch(() => undefined);
      await reconciler.pass();
      expect((await sluice.client.deadLetters.list()).items).toEqual([]);
    });
  });
});

type HistoryEvent = Awaited<ReturnType<SluiceTest['history']>>[number];

/** Resets to before an event of the run's history; later signals are not sent again. */
async function resetBefore(
  { sluice, temporal }: World,
  run: StartedRun,
  isEvent: (event: HistoryEvent) => boolean,
): Promise<void> {
  const history = await sluice.history(run);
  const tasks = history.slice(0, history.findIndex(isEvent));
  const task = tasks.findLast((event) => event.workflowTaskCompletedEventAttributes);
  await temporal(
    ...['workflow', 'reset', '--workflow-id', run.workflowId, '--reason', 'test'],
    ...['--event-id', String(task?.eventId), '--reapply-exclude', 'Signal'],
  );
}

const isSignal = (event: HistoryEvent): boolean => event.workflowExecutionSignaledEventAttributes != null;
const makes =
  (id: string) =>
  ({ activityTaskScheduledEventAttributes: scheduled }: HistoryEvent): boolean => {
    const data = scheduled?.input?.payloads?.[0]?.data;
    return data != null && Buffer.from(data).toString().startsWith(`{"id":"${id}"`);
  };

describe('A run that is terminated and then reset', () => {
  const MADE = `${step('a')}${step('b')}${step('c')}
  - { id: w, type: event.wait, eventName: GO }
  - { id: no, type: control.fail }`;

  const lettersWith = (status: string): readonly string[] =>
    ['c', 'b', 'a'].map((id) => `test.unmake of ${id} ${status}`);

  /** Terminates the run and waits for its letters, newest first. */
  async function terminated(world: World, run: StartedRun): Promise<readonly string[]> {
    await world.temporal('workflow', 'terminate', '--workflow-id', run.workflowId);
    await reconciledUntil(world, run, ({ status }) => status === 'TERMINATED');
    return await letters(world, run);
  }

  async function letters({ sluice }: World, run: StartedRun): Promise<readonly string[]> {
    const { items } = await sluice.client.deadLetters.list({ runId: run.runId });
    return items.map(({ subject, status }) => `${subject} ${status}`);
  }

  it('a run terminated and then reset is responsible again: its letters are withdrawn, and it compensates each step once', async () => {
    const { undone, actions } = things();
    await withWorld({ actions }, async (world) => {
      const { sluice } = world;
      const run = await sluice.startSource(`id: back\nversion: 1\nsteps:${MADE}`);
      await rowWaits(sluice, run);
      expect(await terminated(world, run)).toEqual(lettersWith('OPEN'));
      await resetBefore(world, run, makes('c'));
      // a and b ran before the point of the reset; c runs again, with its recorded output.
      await reconciledUntil(world, run, ({ status }) => status === 'WAITING');
      expect(await letters(world, run)).toEqual(lettersWith('DISMISSED'));
      const [{ id } = { id: '' }] = (
        await sluice.projections.deadLetters.list(sluice.tenant, { status: 'DISMISSED' })
      ).items;
      expect(await sluice.client.deadLetters.show(id)).toMatchObject({
        acts: [{ act: 'withdraw', actor: 'sluice', note: expect.stringContaining('reset') as string }],
      });
      await sluice.signal(run, { eventId: '1', eventName: 'GO' });
      await expect(sluice.client.result(run.workflowId)).rejects.toMatchObject({ code: 'FAILED' });
      expect(undone).toEqual(['c artifact-c', 'b artifact-b', 'a artifact-a']);
      await reconciledUntil(world, run, ({ status }) => status === 'FAILED');
      expect(await letters(world, run)).toEqual(lettersWith('DISMISSED'));
    });
  });

  it('a run reset and terminated again leaves what then remains, in the same letters', async () => {
    const { undone, actions } = things();
    await withWorld({ actions }, async (world) => {
      const { sluice } = world;
      const run = await sluice.startSource(`id: twice\nversion: 1\nsteps:${MADE}`);
      await rowWaits(sluice, run);
      const first = await terminated(world, run);
      const { deadLetters } = sluice.client;
      // One was retried by hand and one dismissed: neither letter comes back.
      const [c, b, a] = (await deadLetters.list({ runId: run.runId })).items;
      await deadLetters.retry(c?.id ?? '');
      await deadLetters.dismiss(b?.id ?? '', { note: 'it may stay' });
      expect(undone).toEqual(['c artifact-c']);
      await resetBefore(world, run, makes('c'));
      await reconciledUntil(world, run, ({ status }) => status === 'WAITING');
      expect(await letters(world, run)).toEqual([
        'test.unmake of c RETRIED',
        'test.unmake of b DISMISSED',
        'test.unmake of a DISMISSED',
      ]);
      expect(first).toHaveLength(3);
      expect(await terminated(world, run)).toEqual([
        'test.unmake of a OPEN',
        'test.unmake of c RETRIED',
        'test.unmake of b DISMISSED',
      ]);
      expect((await deadLetters.show(a?.id ?? '')).acts.map(({ act }) => act)).toEqual([
        'withdraw',
        'reopen',
      ]);
      await deadLetters.retry(a?.id ?? '');
      expect(undone).toEqual(['c artifact-c', 'a artifact-a']);
    });
  });

  it('a reset run keeps the letter of a step that it never reaches again', async () => {
    const { actions } = things();
    await withWorld({ actions }, async (world) => {
      const { sluice } = world;
      const run = await sluice.startSource(`id: elsewhere
version: 1
steps:${step('a')}
  - { id: which, type: event.wait, eventName: WHICH, assign: { vars.more: { $expr: event.payload } } }
  - id: maybe
    type: control.if
    condition: { $expr: vars.more }
    then:${step('b').replaceAll('\n', '\n    ')}
  - { id: w, type: event.wait, eventName: GO }`);
      await rowWaits(sluice, run);
      await sluice.signal(run, { eventId: '1', eventName: 'WHICH', payload: true });
      await waitFor(async () => (await seen(sluice, run)).waits.includes('steps[3] WAITING'));
      expect(await terminated(world, run)).toHaveLength(2);
      await resetBefore(world, run, isSignal);
      await reconciledUntil(world, run, ({ status }) => status === 'WAITING');
      await sluice.client.signalEvent(run.workflowId, { eventId: '2', eventName: 'WHICH', payload: false });
      await waitFor(async () => (await seen(sluice, run)).waits.includes('steps[3] WAITING'));
      expect(await letters(world, run)).toEqual(['test.unmake of b OPEN', 'test.unmake of a DISMISSED']);
    });
  });
});

describe('A failed compensation of a future that a reset superseded', () => {
  it('a failed compensation of a superseded future loses its letter: the new future decides', async () => {
    const { state, undone, actions } = things();
    await withWorld({ actions }, async (world) => {
      const { sluice } = world;
      const run = await sluice.startSource(`id: undone-future
version: 1
steps:${step('a')}
  - { id: w, type: event.wait, eventName: GO }
  - { id: no, type: control.fail }`);
      await rowWaits(sluice, run);
      state.works = 0;
      await sluice.signal(run, { eventId: '1', eventName: 'GO' });
      await sluice.result(run).catch(() => undefined);
      const open = async () =>
        (await sluice.client.deadLetters.list({ runId: run.runId, status: 'OPEN' })).items.length;
      await waitFor(async () => (await open()) === 1);
      await resetBefore(world, run, isSignal);
      await reconciledUntil(world, run, ({ status }) => status === 'WAITING');
      expect(await open()).toBe(0);
      state.works = Number.POSITIVE_INFINITY;
      await sluice.client.signalEvent(run.workflowId, { eventId: '2', eventName: 'GO' });
      await sluice.client.result(run.workflowId).catch(() => undefined);
      expect(undone).toEqual(['a artifact-a']);
      expect(await open()).toBe(0);
    });
  });
});
