/** Fast-path commits that wait at the same time share a transaction, and nothing else. */
import { expect, it } from 'vitest';
import { onEveryDatabase } from '../support/databases.js';
import { execution, invocation, lease, runStartedAs, stepStarted, stepSucceeded } from '../support/runs.js';

const ALIVE = { holder: 'w1', forMs: 4_000_000_000 };
const done = (output: number) => ({ status: 'SUCCEEDED' as const, output, artifacts: [] });

onEveryDatabase('Commits that share a transaction', (host) => {
  it('commits that wait at the same time share transactions, and write what they would write alone', async () => {
    const { projections, points } = await host.openWatched();
    const runs = Array.from({ length: 20 }, () => execution());
    await Promise.all(runs.map((of) => projections.commitEvents(of, [runStartedAs(of)])));
    await Promise.all(
      runs.map(async (of) => {
        const use = invocation(`key-${of.run.runId}`);
        await projections.beginAction(of, [stepStarted(2, 'steps[0]', use.idempotencyKey)], use, ALIVE);
        await projections.finishAction(of, use, { outcome: done(1), writes: [], holder: 'w1' });
      }),
    );
    expect(points.filter((point) => point === 'before-commit').length).toBeLessThan(20);
    for (const of of runs) {
      expect((await projections.reads.listSteps('acme', of.run.runId)).items).toMatchObject([
        { path: 'steps[0]', status: 'SUCCEEDED' },
      ]);
      expect(await projections.maintenance.rebuildRun('acme', of.run.runId)).toEqual([]);
    }
  });

  it('a commit that misses the fast path, or is wrong, does not affect those that share its transaction', async () => {
    const projections = await host.open();
    const [good, again, wrong] = [execution(), execution(), execution()];
    for (const of of [good, again, wrong]) await projections.commitEvents(of, [runStartedAs(of)]);
    const step = (of: typeof good) => [stepStarted(2, 'steps[0]', `k-${of.run.runId}`)];
    await projections.commitEvents(again, step(again));
    await projections.commitEvents(wrong, step(wrong));
    const other = [{ ...stepStarted(2, 'steps[0]', 'another'), at: 77 }];
    const first = execution();
    const ends = await Promise.allSettled([
      projections.commitEvents(first, [runStartedAs(first)]),
      projections.commitEvents(good, step(good)),
      projections.commitEvents(again, step(again)),
      projections.commitEvents(wrong, other),
    ]);
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected']);
    expect(ends[3]).toMatchObject({ reason: { code: 'PROJECTION_CONFLICT' } });
    for (const of of [good, again, wrong]) {
      expect((await projections.reads.listSteps('acme', of.run.runId)).items).toMatchObject([
        { path: 'steps[0]', status: 'RUNNING', startedAt: new Date(step(of)[0]?.at ?? 0).toISOString() },
      ]);
    }
  });

  it('lanes that start a run at the same time begin it once', async () => {
    const projections = await host.open();
    const of = execution();
    const lanes = Array.from({ length: 12 }, (_, n) => invocation(`lane-${n}`, `steps[${n}]`));
    const opened = lanes.map(({ idempotencyKey, step }, n) => stepStarted(2 + n, step.path, idempotencyKey));
    const begun = await Promise.all(
      lanes.map((use, n) =>
        projections.beginAction(of, [runStartedAs(of), ...(n === 0 ? opened : [])], use, ALIVE),
      ),
    );
    expect(begun).toEqual(lanes.map(() => ({ kind: 'execute' })));
    // A different start of the same run is refused.
    const forged = { ...runStartedAs(of), at: 123_456 };
    await expect(
      projections.beginAction(of, [forged], invocation('forged', 'steps[99]'), ALIVE),
    ).rejects.toMatchObject({ code: 'PROJECTION_CONFLICT' });
    expect((await projections.reads.listSteps('acme', of.run.runId)).items).toHaveLength(12);
    expect((await projections.reads.listEvents('acme', of.run.runId)).items).toHaveLength(13);
    expect(await projections.maintenance.rebuildRun('acme', of.run.runId)).toEqual([]);
    expect(await projections.beginAction(of, [], lanes[0] ?? invocation('x'), lease('w2'))).toMatchObject({
      kind: 'held',
    });
  });

  it('an action that ends before its start is committed keeps its outcome when the step opens', async () => {
    const projections = await host.open();
    const of = execution();
    const use = invocation('ahead');
    await projections.beginAction(of, [runStartedAs(of)], use, ALIVE);
    await projections.finishAction(of, use, { outcome: done(7), writes: [], holder: 'w1' });
    const next = invocation('next', 'steps[1]');
    const started = stepStarted(2, 'steps[0]', 'ahead');
    await projections.beginAction(of, [started, stepStarted(3, 'steps[1]', 'next')], next, ALIVE);
    const steps = (await projections.reads.listSteps('acme', of.run.runId)).items;
    expect(steps).toMatchObject([
      { path: 'steps[0]', status: 'SUCCEEDED', startedAt: new Date(started.at).toISOString() },
      { path: 'steps[1]', status: 'RUNNING' },
    ]);
    expect(await projections.maintenance.rebuildRun('acme', of.run.runId)).toEqual([]);
    await projections.commitEvents(of, [stepSucceeded(4, 'steps[0]')]);
    expect(await projections.maintenance.rebuildRun('acme', of.run.runId)).toEqual([]);
  });
});
