/**
 * [closed-runs-are-noticed]: however a run ends, its row does not stay RUNNING and never contradicts
 * Temporal.
 */
import { describe, expect, it } from 'vitest';

import { z } from 'zod';
import { defineAction } from '../../../actions/index.js';
import { waitFor } from '../../support/wait-for.js';
import { isWatched, reconciledUntil, rowWaits, seen, temporalHas, withWorld } from './world.js';

const WAITS = `
id: waits
version: 1
steps:
  - { id: note, type: transform.assign, assign: { noted: 1 } }
  - { id: paid, type: event.wait, eventName: PAID, correlationKey: o-1 }
result: { paid: true }
`;
const PAID = { eventId: 'e-1', eventName: 'PAID', correlationKey: 'o-1' };

const CUT_OFF = {
  ended: true,
  steps: ['steps[0] SUCCEEDED', 'steps[1] CANCELED'],
  waits: ['steps[1] CANCELED'],
  gaps: [],
  doubled: [],
};

const nothing = defineAction({
  id: 'test.nothing',
  version: 1,
  description: 'Does nothing.',
  input: z.json(),
  output: z.null(),
  run: () => null,
});

describe('A run that ends from outside', () => {
  it('a run is CANCELED after `temporal workflow cancel`, by its workflow, and confirmed', () =>
    withWorld({}, async ({ sluice, reconciler, temporal }) => {
      const run = await sluice.startSource(WAITS);
      await rowWaits(sluice, run);
      await temporal('workflow', 'cancel', '--workflow-id', run.workflowId);
      await temporalHas(sluice, run, 'CANCELLED');
      expect(await isWatched(sluice, run)).toBe(true);
      expect(await reconciler.pass()).toMatchObject({ closed: 0, confirmed: 1, failed: 0 });
      expect(await seen(sluice, run)).toMatchObject({ ...CUT_OFF, status: 'CANCELED', reconciled: [] });
      expect(await isWatched(sluice, run)).toBe(false);
      expect(await reconciler.pass(), 'once').toMatchObject({ described: 0, confirmed: 0 });
    }));

  it('a run is TERMINATED after `temporal workflow terminate`, with an event that says so [closed-runs-are-noticed]', () =>
    withWorld({}, async (world) => {
      const { sluice, reconciler, temporal } = world;
      const run = await sluice.startSource(WAITS);
      await rowWaits(sluice, run);
      await temporal('workflow', 'terminate', '--workflow-id', run.workflowId, '--reason', 'enough');
      const rows = await reconciledUntil(world, run, ({ status }) => status === 'TERMINATED');
      expect(rows).toMatchObject({
        ...CUT_OFF,
        reconciled: [{ status: 'TERMINATED', corrects: true, actor: expect.stringMatching(/./) as string }],
      });
      await reconciler.pass();
      expect(await seen(sluice, run), 'told once').toEqual(rows);
      expect(await isWatched(sluice, run)).toBe(false);
    }));

  it('a run that a person terminated names that person in its log [actors-ride-along]', () =>
    withWorld({}, async (world) => {
      const { sluice } = world;
      const run = await sluice.startSource(WAITS);
      await rowWaits(sluice, run);
      const { runs } = sluice.client;
      await runs.terminate(run.runId, { actor: 'olga', reason: 'no use' });
      const rows = await reconciledUntil(world, run, ({ status }) => status === 'TERMINATED');
      expect(rows.reconciled).toMatchObject([{ status: 'TERMINATED', actor: 'olga' }]);
    }));

  it('a run is TIMED_OUT after the execution timeout of `temporal workflow start`', () =>
    withWorld({}, async (world) => {
      const { sluice, temporal } = world;
      await sluice.publish(WAITS);
      const started = await temporal(
        ...[
          'workflow',
          'start',
          '--type',
          'waits',
          '--task-queue',
          sluice.taskQueue,
          '--workflow-id',
          'late',
        ],
        ...['--execution-timeout', '2s', '--memo', `tenant="${sluice.tenant}"`, '--output', 'json'],
      );
      const { runId } = JSON.parse(started) as { runId: string };
      const run = { workflowId: 'late', runId };
      await rowWaits(sluice, run);
      await temporalHas(sluice, run, 'TIMED_OUT');
      const rows = await reconciledUntil(world, run, ({ ended }) => ended);
      expect(rows).toMatchObject({ ...CUT_OFF, status: 'TIMED_OUT' });
    }));

  it('a run is INTERRUPTED after `temporal workflow delete`: its history is gone', () =>
    withWorld({}, async (world) => {
      const { sluice, temporal } = world;
      const run = await sluice.startSource(WAITS);
      await rowWaits(sluice, run);
      await temporal('workflow', 'delete', '--workflow-id', run.workflowId);
      const rows = await reconciledUntil(world, run, ({ status }) => status === 'INTERRUPTED');
      expect(rows).toMatchObject({
        ...CUT_OFF,
        reconciled: [{ status: 'INTERRUPTED', corrects: true }],
      });
      expect(rows.reconciled[0]?.reason).toMatch('Temporal does not know');
    }));

  it(
    'a run is INTERRUPTED where retention removed it before any worker looked',
    () =>
      withWorld({}, async (world) => {
        const { sluice, temporal } = world;
        const run = await sluice.startSource(WAITS);
        await rowWaits(sluice, run);
        await sluice.stopWorker();
        await temporal('workflow', 'terminate', '--workflow-id', run.workflowId);
        const handle = sluice.client.temporal.workflow.getHandle(run.workflowId);
        // The server drops a deletion that arrives while it is still closing the run.
        const execution = { workflowId: run.workflowId, runId: run.runId };
        const request = { namespace: sluice.temporal.namespace, workflowExecution: execution };
        await waitFor(
          () =>
            handle.client.workflowService.deleteWorkflowExecution(request).then(
              () => false,
              () => true,
            ),
          60_000,
        );
        await world.reconciler.pass();
        expect(await seen(sluice, run)).toMatchObject({ ...CUT_OFF, status: 'INTERRUPTED' });
        await world.reconciler.pass();
        expect(await isWatched(sluice, run), 'and there is nothing more to learn').toBe(false);
      }),
    90_000,
  );

  it('a run ends in its row although no worker ran at its end, and is left alone while it waits', () =>
    withWorld({}, async ({ sluice, reconciler, temporal }) => {
      const run = await sluice.startSource(WAITS);
      const other = await sluice.start('waits');
      await rowWaits(sluice, run);
      await rowWaits(sluice, other);
      await sluice.stopWorker();
      const before = await seen(sluice, other);
      await temporal('workflow', 'terminate', '--workflow-id', run.workflowId);
      await waitFor(async () => (await reconciler.pass(), (await seen(sluice, run)).ended));
      expect(await seen(sluice, run)).toMatchObject({ ...CUT_OFF, status: 'TERMINATED' });
      expect(await seen(sluice, other), 'a worker that is away interrupts nothing').toEqual(before);

      await sluice.startWorker();
      await sluice.signal(other, PAID);
      expect(await sluice.result(other)).toEqual({ paid: true });
    }));

  it('a run is distinguished from another run that reused its workflow id', () =>
    withWorld({}, async (world) => {
      const { sluice, temporal } = world;
      const first = await sluice.startSource(WAITS, {}, { workflowId: 'shared-id' });
      await rowWaits(sluice, first);
      await temporal('workflow', 'terminate', '--workflow-id', first.workflowId);
      const second = await sluice.start('waits', {}, { workflowId: 'shared-id' });
      expect(second.workflowId).toBe(first.workflowId);
      await rowWaits(sluice, second);
      await reconciledUntil(world, first, ({ status }) => status === 'TERMINATED');
      expect(await seen(sluice, second)).toMatchObject({ status: 'WAITING', waits: ['steps[1] WAITING'] });
    }));

  it('a run is found at the end of the executions that continued it as new', () =>
    withWorld({ tuning: { historyEvents: 50 }, actions: [nothing] }, async (world) => {
      const { sluice, temporal } = world;
      const run = await sluice.startSource(
        `
id: turns
version: 1
steps:
  - id: loop
    type: control.forEach
    items: { $expr: "[1..30]" }
    body: [{ id: act, type: action.call, action: test.nothing }]
  - { id: paid, type: event.wait, eventName: PAID }
`,
      );
      await waitFor(async () => (await seen(sluice, run)).waits.includes('steps[1] WAITING'));
      await temporal('workflow', 'terminate', '--workflow-id', run.workflowId);
      const rows = await reconciledUntil(world, run, ({ status }) => status === 'TERMINATED');
      expect(rows.types).toContain('RUN_CONTINUED');
      expect(rows).toMatchObject({ gaps: [], doubled: [] });
    }));

  it('a run gets back from its history what its log has lost', () =>
    withWorld({}, async (world) => {
      const { sluice } = world;
      const run = await sluice.startSource(WAITS);
      await sluice.signal(run, PAID);
      await sluice.result(run);
      const whole = await seen(sluice, run);
      await sluice.projections.database.request(
        `DELETE run_event WHERE id[1] = $run AND id[2] > 3;
         UPDATE type::record('run_head', [$tenant, $run]) SET last_seq = 3;
         UPDATE type::record('run', [$tenant, $run]) SET status = 'RUNNING', result = NONE, ended_at = NONE`,
        { tenant: sluice.tenant, run: run.runId },
      );
      const rows = await reconciledUntil(world, run, ({ status }) => status === 'SUCCEEDED');
      expect(rows).toEqual({
        ...whole,
        types: [...whole.types, 'RUN_RECONCILED'],
        reconciled: [
          expect.objectContaining({ status: 'SUCCEEDED', corrects: false, mended: whole.types.length - 3 }),
        ],
      });
    }));
});

describe('Several workers', () => {
  it('several workers that reconcile concurrently close a run once', () =>
    withWorld({}, async ({ sluice, reconciler, temporal }) => {
      const runs = [await sluice.startSource(WAITS)];
      for (let n = 1; n < 6; n++) runs.push(await sluice.start('waits'));
      for (const run of runs) await rowWaits(sluice, run);
      for (const { workflowId } of runs) await temporal('workflow', 'terminate', '--workflow-id', workflowId);
      await waitFor(async () => {
        const passes = await Promise.all(Array.from({ length: 4 }, () => reconciler.pass()));
        expect(passes.map(({ failed }) => failed)).toEqual([0, 0, 0, 0]);
        const rows = await Promise.all(runs.map((run) => seen(sluice, run)));
        return rows.every(({ ended }) => ended);
      });
      for (const run of runs) {
        const rows = await seen(sluice, run);
        expect(rows).toMatchObject({ ...CUT_OFF, status: 'TERMINATED' });
        expect(rows.reconciled).toHaveLength(1);
      }
    }));
});
