/** A run that was terminated can't undo anything: what stands undone becomes dead letters, and can be run. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineAction, SluiceError } from '../../../actions/index.js';
import { waitFor } from '../../support/wait-for.js';
import { reconciledUntil, withWorld } from './world.js';

function things() {
  const made = new Set<string>();
  const undone: string[] = [];
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  /** How many things can be unmade before the service is down. */
  const state = { works: Number.POSITIVE_INFINITY };
  const make = defineAction({
    id: 'test.make',
    version: 1,
    description: 'Makes a thing; a slow one when the test says so, whatever it is told.',
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
  it('leaves its stack to the dead letters, the last first, from where an operator undoes it', async () => {
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

  it('while it undoes itself leaves only what it had not undone', async () => {
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
      // c is undone, then the service is down: b waits for its second attempt.
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

  it('in the middle of an action leaves also what only the ledger knows', async () => {
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
  it('leaves no letter: not when it succeeds, and not when it undid itself', async () => {
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
