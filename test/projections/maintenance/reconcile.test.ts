/**
 * The reconciler's side of the projections: an event that no workflow has authored gives way to the
 * workflow's.
 */
import { beforeAll, expect, it } from 'vitest';
import type { Execution } from '../../../contracts/run/projection.js';
import type { RunEvent } from '../../../contracts/run/run-events.js';
import type { Cursor, FaultPoint, Projections } from '../../../projections/index.js';
import { waitFor } from '../../support/wait-for.js';
import { onEveryDatabase } from '../support/databases.js';
import { event, execution, runStarted, stepStarted, stepSucceeded, uuid7 } from '../support/runs.js';

const WAIT = 'steps[1]';
const CLOSED = { closedAt: Date.parse('2026-01-02T04:00:00.000Z'), reason: 'seen on Temporal', mended: 0 };

/** A run that acts, and then waits. */
function waiting(): readonly RunEvent[] {
  return [
    runStarted(),
    stepStarted(2, 'steps[0]', 'k-0'),
    stepSucceeded(3, 'steps[0]'),
    event(4, 'STEP_STARTED', { id: 'settled', kind: 'event.wait' }, { path: WAIT }),
    event(5, 'WAIT_OPENED', { kind: 'event', eventNames: ['PAID'], correlationKey: 'o-1' }, { path: WAIT }),
    event(6, 'RUN_WAITING', {}),
  ];
}

/** The end of that run after a cancellation. */
function canceled(): readonly RunEvent[] {
  return [
    event(7, 'RUN_CANCEL_REQUESTED', {}),
    event(8, 'RUN_RESUMED', {}),
    event(9, 'WAIT_CANCELED', { reason: 'the run was cancelled' }, { path: WAIT }),
    event(10, 'STEP_CANCELED', { id: 'settled', kind: 'event.wait' }, { path: WAIT }),
    event(11, 'RUN_CANCELED', {}),
  ];
}

function snapshot(seq: number): RunEvent {
  const place = { path: WAIT, iteration: [], attempt: 1 };
  return event(seq, 'SNAPSHOT', {
    status: 'WAITING',
    state: 'half',
    openSteps: [{ ...place, id: 'settled', kind: 'event.wait', startedAt: 1_000 }],
    openWaits: [{ ...place, kind: 'event', eventNames: ['PAID'], correlationKey: 'o-1', openedAt: 1_000 }],
    reason: 'reset',
  });
}

onEveryDatabase('The end of a run as Temporal has it', (host) => {
  let projections: Projections;
  beforeAll(async () => {
    projections = await host.open();
  });

  const pictureOf = async ({ run }: Execution) => {
    const { reads } = projections;
    const row = await reads.getRun(run.tenant, run.runId);
    const steps = await reads.listSteps(run.tenant, run.runId);
    const waits = await reads.listWaits(run.tenant, run.runId);
    const events = await reads.listEvents(run.tenant, run.runId);
    return {
      status: row?.status,
      endedAt: row?.endedAt ?? null,
      state: row?.state,
      steps: steps.items.map(({ path, status }) => `${path} ${status}`),
      waits: waits.map(({ path, status }) => `${path} ${status}`),
      log: events.items.map(({ seq, type }) => `${seq} ${type}`),
      gaps: await reads.checkContiguity(run.tenant, run.runId),
    };
  };
  const close = (at: Execution, status: 'TERMINATED' | 'INTERRUPTED' | 'TIMED_OUT' | 'CANCELED') =>
    projections.reconciliation.closeRun(at, { ...CLOSED, status });

  it('a closed run has its row, steps and waits closed once, with an event that says why', async () => {
    const at = execution();
    await projections.commitEvents(at, waiting());
    expect(await Promise.all([close(at, 'TERMINATED'), close(at, 'TERMINATED')])).toContain(false);
    expect(await close(at, 'TERMINATED')).toBe(false);
    expect(await pictureOf(at)).toEqual({
      status: 'TERMINATED',
      endedAt: '2026-01-02T04:00:00.000Z',
      state: null,
      steps: ['steps[0] SUCCEEDED', 'steps[1] CANCELED'],
      waits: ['steps[1] CANCELED'],
      log: [...waiting().map(({ seq, type }) => `${seq} ${type}`), '7 RUN_RECONCILED'],
      gaps: { lastSeq: 7, gaps: [], doubled: [] },
    });
  });

  it('the end of a run is written with its dead letters or not at all, at any point where the commit fails', async () => {
    const points = new Set<FaultPoint>();
    let failAt: FaultPoint | undefined;
    const failing = await host.open({
      faults: (point) => {
        points.add(point);
        return point === failAt;
      },
    });
    const letter = (id: string) => ({
      ...{
        tenant: 'acme',
        id,
        kind: 'compensation' as const,
        subject: 's',
        reason: 'r',
        at: 1_000,
        reopens: 'withdrawn' as const,
      },
      body: 'x'.repeat(300_000),
    });
    const end = async (id: string, point?: FaultPoint) => {
      const at = execution();
      await failing.commitEvents(at, waiting());
      points.clear();
      failAt = point;
      const closing = () =>
        failing.reconciliation.closeRun(at, { ...CLOSED, status: 'TERMINATED', letters: [letter(id)] });
      const outcome = await closing().catch((error: unknown) => error);
      failAt = undefined;
      const row = await failing.reads.getRun('acme', at.run.runId);
      const open = (await failing.deadLetters.list('acme', { status: 'OPEN' })).items.some(
        (letterRow) => letterRow.id === id,
      );
      return { outcome, closed: row?.status === 'TERMINATED', open, closing };
    };
    expect(await end('undisturbed')).toMatchObject({ outcome: true, closed: true, open: true });
    const all = [...points];
    expect(all.filter((point) => point.includes('dead_letter')).length).toBeGreaterThan(0);
    for (const point of all) {
      const { closed, open, closing } = await end(point, point);
      expect([point, closed, open]).toEqual([point, point === 'after-commit', point === 'after-commit']);
      await closing();
      expect((await failing.deadLetters.get('acme', point))?.body).toHaveLength(300_000);
    }
  });

  it('a status that Temporal reports differently later is corrected', async () => {
    const at = execution();
    await projections.commitEvents(at, waiting());
    await close(at, 'INTERRUPTED');
    expect(await close(at, 'TIMED_OUT')).toBe(true);
    expect(await pictureOf(at)).toMatchObject({
      status: 'TIMED_OUT',
      gaps: { lastSeq: 8, gaps: [], doubled: [] },
    });
  });

  it('the note of the reconciler gives way to a late event of the same execution, and to all that follow', async () => {
    const at = execution();
    await projections.commitEvents(at, waiting());
    await close(at, 'INTERRUPTED');
    for (const late of canceled()) await projections.commitEvents(at, [late]);
    expect(await pictureOf(at)).toMatchObject({
      status: 'CANCELED',
      waits: ['steps[1] CANCELED'],
      gaps: { lastSeq: 11, gaps: [], doubled: [] },
    });
    expect((await pictureOf(at)).log).not.toContain('7 RUN_RECONCILED');
  });

  it('a reset reopens the rows with its snapshot and supersedes the events after its point', async () => {
    const first = execution({ executionId: uuid7(900_001) });
    await projections.commitEvents(first, [...waiting(), ...canceled()]);
    const second = { ...first, executionId: uuid7(900_002) };
    await projections.commitEvents(second, [snapshot(7)]);
    expect(await pictureOf(first)).toEqual({
      status: 'WAITING',
      endedAt: null,
      state: 'half',
      steps: ['steps[0] SUCCEEDED', 'steps[1] WAITING'],
      waits: ['steps[1] WAITING'],
      log: [...waiting().map(({ seq, type }) => `${seq} ${type}`), '7 SNAPSHOT'],
      gaps: { lastSeq: 7, gaps: [], doubled: [] },
    });
    const { items } = await projections.reads.listEvents(first.run.tenant, first.run.runId, {
      superseded: true,
    });
    expect(items.filter((one) => one.superseded).map(({ seq }) => seq)).toEqual([7, 8, 9, 10, 11]);

    // The reset run is terminated too, before it commits anything more.
    await close(second, 'TERMINATED');
    expect(await pictureOf(first)).toMatchObject({ status: 'TERMINATED', waits: ['steps[1] CANCELED'] });
  });

  it('a snapshot alone restores the rows where the log is gone', async () => {
    const at = execution();
    await projections.commitEvents(at, [snapshot(7)]);
    expect(await pictureOf(at)).toMatchObject({
      status: 'WAITING',
      steps: ['steps[1] WAITING'],
      waits: ['steps[1] WAITING'],
    });
  });

  it('a rebuild gives the same rows as the reconciler', async () => {
    const at = { ...execution(), workflowId: 'order-fulfilment/1' };
    await projections.commitEvents(at, waiting());
    await close(at, 'TERMINATED');
    expect(await projections.maintenance.rebuildRun(at.run.tenant, at.run.runId)).toEqual([]);
  });

  it('a snapshot reopens rows that somebody closed by hand', async () => {
    const at = execution();
    await projections.commitEvents(at, waiting());
    await projections.database.request(
      `UPDATE type::record('run', $id) SET status = 'SUCCEEDED', ended_at = time::now();
       UPDATE wait SET status = 'CANCELED' WHERE id[1] = $id[1]`,
      { id: [at.run.tenant, at.run.runId] },
    );
    await projections.commitEvents(at, [snapshot(7)]);
    expect(await pictureOf(at)).toMatchObject({
      status: 'WAITING',
      endedAt: null,
      waits: ['steps[1] WAITING'],
      steps: ['steps[0] SUCCEEDED', 'steps[1] WAITING'],
    });
  });
});

onEveryDatabase('The runs that the reconciler watches', (host) => {
  let projections: Projections;
  beforeAll(async () => {
    projections = await host.open();
  });
  const watched = async (): Promise<readonly string[]> => {
    const found: string[] = [];
    for (let after: Cursor | undefined; ;) {
      const page = await projections.reconciliation.watchedRuns(after, 2);
      found.push(...page.items.map(({ tenant, runId }) => `${tenant} ${runId}`));
      after = page.next;
      if (after === undefined) return found;
    }
  };

  it('the reconciler watches runs of all tenants that are open or not confirmed, page by page', async () => {
    const runs = ['acme', 'acme', 'beta', 'gamma'].map((tenant) => execution({ tenant }));
    for (const at of runs) await projections.commitEvents(at, waiting());
    const names = runs.map(({ run }) => `${run.tenant} ${run.runId}`);
    expect([...(await watched())].sort()).toEqual([...names].sort());

    const [first, second] = runs as [Execution, Execution];
    await projections.commitEvents(first, canceled());
    await projections.reconciliation.confirmRun(first.run, 'SUCCEEDED');
    await projections.reconciliation.confirmRun(second.run, 'CANCELED');
    expect(await watched(), 'not as their rows say').toHaveLength(4);
    await projections.reconciliation.confirmRun(first.run, 'CANCELED');
    expect(await watched()).not.toContain(names[0]);

    const reset = { ...first, executionId: uuid7(900_005) };
    await projections.commitEvents(reset, [snapshot(7)]);
    expect(await watched(), 'a run that was reset').toContain(names[0]);
  });

  it('a watched run has the columns of its row, or no row where it is missing', async () => {
    const at = execution();
    await projections.commitEvents(at, waiting());
    await projections.reconciliation.noteResync(at.run, 'e-2');
    const [found, missing] = await projections.reconciliation.findWatched([
      at.run,
      { tenant: 'acme', runId: 'none' },
    ]);
    expect(found).toMatchObject({
      row: { workflowId: at.workflowId, status: 'WAITING' },
      execution: at.executionId,
      resync: { execution: 'e-2' },
    });
    expect(missing).toMatchObject({ row: undefined, execution: undefined, resync: undefined });
  });

  it('one worker takes the turn in each interval', async () => {
    const takeTurn = (ms: number) => projections.reconciliation.takeTurn(ms);
    const took = await Promise.all(Array.from({ length: 10 }, () => takeTurn(60_000)));
    expect(took.filter(Boolean)).toHaveLength(1);
    await waitFor(async () => {
      const answers = await projections.database.request('UPDATE reconcile_turn SET due = time::now() - 1s');
      return answers[0]?.ok;
    });
    expect(await takeTurn(60_000)).toBe(true);
  });
});
