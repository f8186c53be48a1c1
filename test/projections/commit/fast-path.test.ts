/**
 * The fast path: ordinary commits take it, and a commit that misses it leaves the same rows in another way.
 */
import { expect, it } from 'vitest';
import type { Execution } from '../../../contracts/run/projection.js';
import type { Projections } from '../../../projections/index.js';
import { onEveryDatabase } from '../support/databases.js';
import {
  clear,
  DERIVED,
  event,
  execution,
  invocation,
  lease,
  runStarted,
  runStartedAs,
  stepStarted,
  stepSucceeded,
  tables,
} from '../support/runs.js';

const ALIVE = { holder: 'w1', forMs: 4_000_000_000 };

/** The rows, including those for lists and for the routing of events, are those that the log produces. */
async function expectAsRebuilt(projections: Projections, { run }: Execution): Promise<void> {
  const before = await tables(projections);
  expect(await projections.maintenance.rebuildRun(run.tenant, run.runId)).toEqual([]);
  await clear(projections, DERIVED);
  await projections.maintenance.rebuildRun(run.tenant, run.runId);
  expect(before).toEqual(await tables(projections));
}

onEveryDatabase('The fast path of a commit', (host) => {
  it('the commits of ordinary actions take the fast path, which reads no row to merge it', async () => {
    const { projections, points } = await host.openWatched();
    const of = execution();
    const use = invocation('a');
    await projections.beginAction(of, [runStarted(), stepStarted(2, 'steps[0]', 'a')], use, ALIVE);
    await projections.finishAction(of, use, {
      outcome: { status: 'SUCCEEDED', output: 1, artifacts: [] },
      writes: [],
      holder: 'w1',
    });
    const next = invocation('b', 'steps[2]');
    const assigned = event(
      4,
      'STEP_SUCCEEDED',
      { id: 'x', kind: 'transform.assign', output: null },
      { path: 'steps[1]' },
    );
    const events = [stepSucceeded(3, 'steps[0]'), assigned, stepStarted(5, 'steps[2]', 'b')];
    await projections.beginAction(of, events, next, ALIVE);
    const labels = points.filter((point) => point.startsWith('before:'));
    expect(labels).toContain('before:run.begin');
    expect(labels).toContain('before:step.close');
    expect(labels.filter((label) => /apply|read|action_invocation.begin/.test(label))).toEqual([]);
    expect((await projections.reads.listSteps('acme', of.run.runId)).items).toMatchObject([
      { path: 'steps[0]', status: 'SUCCEEDED' },
      { path: 'steps[1]', status: 'SUCCEEDED' },
      { path: 'steps[2]', status: 'RUNNING' },
    ]);
  });

  it.each([
    ['that is sent a second time', 'again'],
    ['of which a part exists already', 'part'],
    ['whose step was begun by a start in an earlier commit', 'container'],
  ])('a commit %s leaves the same rows by a row merge or a replay from the log', async (_, miss) => {
    const projections = await host.open();
    const of = execution();
    const start = [runStartedAs(of), stepStarted(2, 'steps[0]', 'a')];
    const container = event(3, 'STEP_STARTED', { id: 'c', kind: 'control.forEach' }, { path: 'steps[1]' });
    const end = [
      stepSucceeded(4, 'steps[0]'),
      event(5, 'STEP_SUCCEEDED', { id: 'c', kind: 'control.forEach' }, { path: 'steps[1]' }),
    ];
    await projections.commitEvents(of, start);
    await projections.commitEvents(of, [container]);
    if (miss === 'part') await projections.commitEvents(of, end.slice(0, 1));
    await projections.commitEvents(of, end);
    if (miss === 'again') {
      await projections.commitEvents(of, start);
      await projections.commitEvents(of, end);
    }
    expect(await projections.maintenance.rebuildRun('acme', of.run.runId)).toEqual([]);
    expect((await projections.reads.listSteps('acme', of.run.runId)).items).toMatchObject([
      { path: 'steps[0]', status: 'SUCCEEDED' },
      { path: 'steps[1]', status: 'SUCCEEDED' },
    ]);
  });

  it.each([
    ['with a key', 'o-1'],
    ['without one', null],
  ])(
    'a run that goes on after a wait %s, and ends, takes the fast path and has the rows of its log',
    async (_, correlationKey) => {
      const { projections, points } = await host.openWatched();
      const of = execution();
      const place = { path: 'steps[0]' };
      const about = { eventId: 'e-1', source: 'shop', eventName: 'PAID' };
      await projections.commitEvents(of, [
        runStartedAs(of),
        event(2, 'STEP_STARTED', { id: 'w', kind: 'event.wait' }, place),
        event(3, 'WAIT_OPENED', { kind: 'event', eventNames: ['PAID'], correlationKey }, place),
        event(4, 'RUN_WAITING', {}),
      ]);
      points.length = 0;
      const use = invocation('a', 'steps[1]');
      await projections.beginAction(
        of,
        [
          event(5, 'EVENT_RECEIVED', { ...about, correlationKey }),
          event(6, 'RUN_RESUMED', {}),
          event(7, 'WAIT_SATISFIED', about, place),
          event(8, 'STEP_SUCCEEDED', { id: 'w', kind: 'event.wait', startedAt: 5 }, place),
          stepStarted(9, 'steps[1]', 'a'),
        ],
        use,
        ALIVE,
      );
      await expectAsRebuilt(projections, of);
      expect(await projections.reads.getRun('acme', of.run.runId)).toMatchObject({ status: 'RUNNING' });
      expect(await projections.reads.listWaits('acme', of.run.runId)).toMatchObject([
        { status: 'SATISFIED' },
      ]);
      const [open] = await projections.database.request('SELECT id FROM open_wait');
      expect(open).toEqual({ ok: true, value: [] });
      await projections.finishAction(of, use, {
        outcome: { status: 'SUCCEEDED', output: 1, artifacts: [] },
        writes: [],
        holder: 'w1',
      });
      await projections.commitEvents(of, [
        stepSucceeded(10, 'steps[1]'),
        event(11, 'RUN_SUCCEEDED', { result: { n: 1 } }),
      ]);
      await expectAsRebuilt(projections, of);
      expect((await projections.reads.listRuns('acme', { status: 'SUCCEEDED' })).items).toMatchObject([
        { runId: of.run.runId },
      ]);
      expect(points.filter((point) => /apply|head.read|invocation.begin/.test(point))).toEqual([]);
      // An event that is repeated, or that can't follow the status, misses the fast path and changes nothing.
      await projections.commitEvents(of, [event(11, 'RUN_SUCCEEDED', { result: { n: 1 } })]);
      await expect(
        projections.commitEvents(of, [event(12, 'WAIT_SATISFIED', about, place)]),
      ).rejects.toMatchObject({ code: 'TRANSITION_ILLEGAL' });
      await expectAsRebuilt(projections, of);
    },
  );

  it('the ledger decides about a key that was used before', async () => {
    const projections = await host.open();
    const of = execution();
    const use = invocation('a');
    await projections.beginAction(of, [runStarted(), stepStarted(2, 'steps[0]', 'a')], use, ALIVE);
    expect(await projections.beginAction(of, [], use, lease('w2'))).toMatchObject({ kind: 'held' });
    await projections.finishAction(of, use, {
      outcome: { status: 'SUCCEEDED', output: { n: 1 }, artifacts: [] },
      writes: [],
      holder: 'w1',
    });
    expect(await projections.beginAction(of, [], use, lease('w2'))).toEqual({
      kind: 'recorded',
      output: { n: 1 },
      artifacts: [],
    });
  });
});
