/**
 * Rewinding a run to a step: the run repeats that step and what came after it, and keeps what came before.
 */
import { Worker } from '@temporalio/worker';
import { beforeEach, describe, expect, it } from 'vitest';
import { createSluiceClient, type RunReads, type SluiceClient, type StartedRun } from '../../client/index.js';
import type { RunStatus } from '../../contracts/run/run.js';
import { ISOLATE_OPTIONS } from '../../worker/temporal/workflow-bundle.js';
import { suiteBundle } from '../support/services.js';
import { useSluice, withSluice, type SluiceTest } from '../support/sluice.js';
import { waitFor } from '../support/wait-for.js';
import { call, outside, sourceOf } from './support/outside.js';

const { seen, actions, clear } = outside();
const sluice = useSluice({ actions });
beforeEach(clear);

const runs = () => sluice().client.runs;
const resultOf = ({ workflowId }: StartedRun): Promise<unknown> => sluice().client.result(workflowId);
const rowSays = (run: StartedRun, status: RunStatus, of: SluiceTest = sluice()) =>
  waitFor(async () => {
    const row = await of.client.runs.get(run.runId);
    return row.status === status && row;
  });
const counts = { result: { $expr: '$merge($each(vars, function($v, $k) { {$k: $v.n} }))' } };
const paid = (eventId: string) => ({ eventId, eventName: 'PAID', correlationKey: 'o-1' });
const PAID = { id: 'paid', type: 'event.wait', eventName: 'PAID', correlationKey: 'o-1' };

describe('A run that has ended', () => {
  it('a rewound run repeats the step and what came after it under other keys, and keeps what came before', async () => {
    const run = await sluice().startSource(sourceOf([call('a'), call('b'), call('c')], counts));
    expect(await resultOf(run)).toEqual({ a: 1, b: 1, c: 1 });
    await rowSays(run, 'SUCCEEDED');
    const rewound = await runs().rewind(run.runId, {
      stepPath: 'steps[1]',
      actor: 'olga',
      reason: 'b was wrong',
    });
    expect(rewound).toMatchObject({
      ...run,
      stepPath: 'steps[1]',
      iteration: [],
      resetExecutionId: run.runId,
    });
    expect(await resultOf(run)).toEqual({ a: 1, b: 2, c: 2 });
    expect(seen.done).toEqual(['a 1', 'b 1', 'c 1', 'b 2', 'c 2']);
    expect(new Set(seen.keys).size, 'no key twice').toBe(5);

    expect((await rowSays(run, 'SUCCEEDED')).result).toEqual({ a: 1, b: 2, c: 2 });
    const { items } = await runs().events(run.runId, { limit: 500 });
    expect(items.map(({ seq }) => seq)).toEqual(items.map((_, i) => i + 1));
    expect(items.filter(({ type }) => type === 'RUN_REWOUND')).toMatchObject([
      { data: { step: 'steps[1]', reason: 'b was wrong', actor: 'olga', generation: rewound.generation } },
    ]);
    const all = await runs().events(run.runId, { limit: 500, superseded: true });
    const undone = all.items.filter(({ superseded }) => superseded).map(({ type }) => type);
    expect(undone, 'what was undone is kept, and marked').toContain('RUN_SUCCEEDED');
    const steps = await runs().steps(run.runId);
    expect(
      steps.items.map(({ path, status, idempotencyKey }) => [path, status, idempotencyKey?.includes('~')]),
    ).toEqual([
      ['steps[0]', 'SUCCEEDED', false],
      ['steps[1]', 'SUCCEEDED', true],
      ['steps[2]', 'SUCCEEDED', true],
    ]);
  });

  it('a failed run continues from its failed step once the cause is fixed', async () => {
    seen.fails = true;
    const fragile = { ...call('b'), action: 'test.fragile' };
    const run = await sluice().startSource(sourceOf([call('a'), fragile, call('c')], counts));
    await expect(resultOf(run)).rejects.toMatchObject({ code: 'BROKEN' });
    await rowSays(run, 'FAILED');
    seen.fails = false;
    await runs().rewind(run.runId, { stepPath: 'steps[1]' });
    expect(await resultOf(run)).toEqual({ a: 1, b: 1, c: 1 });
    expect(await rowSays(run, 'SUCCEEDED')).toMatchObject({ error: null, errorCode: null });
  });

  it('a cancelled run continues from a step before the cancellation', async () => {
    const run = await sluice().startSource(sourceOf([call('a'), PAID, call('b')], counts));
    await sluice().waiting(run);
    await sluice().client.cancel(run.workflowId, 'by mistake');
    await rowSays(run, 'CANCELED');
    await runs().rewind(run.runId, { stepPath: 'steps[1]' });
    await rowSays(run, 'WAITING');
    await sluice().signal(run, paid('e-1'));
    expect(await resultOf(run)).toEqual({ a: 1, b: 1 });
  });

  it('a run that is rewound to its first step keeps its pinned version', async () => {
    const source = sourceOf([call('a'), call('b')], counts);
    const run = await sluice().startSource(source);
    await resultOf(run);
    await sluice().publish(
      JSON.stringify({ ...(JSON.parse(source) as object), version: 2, steps: [call('z')] }),
    );
    await runs().rewind(run.runId, { stepPath: 'steps[0]' });
    expect(await resultOf(run)).toEqual({ a: 2, b: 2 });
    expect(await rowSays(run, 'SUCCEEDED')).toMatchObject({ version: 1 });
  });

  it('a run can be rewound twice, and a plain reset in between undoes no rewind', async () => {
    const run = await sluice().startSource(sourceOf([call('a'), call('b'), call('c')], counts));
    await resultOf(run);
    await runs().rewind(run.runId, { stepPath: 'steps[1]' });
    expect(await resultOf(run)).toEqual({ a: 1, b: 2, c: 2 });
    const { temporal } = sluice().client;
    const [first] = (await sluice().history(run)).filter((e) => e.workflowTaskCompletedEventAttributes);
    await temporal.workflowService.resetWorkflowExecution({
      namespace: sluice().temporal.namespace,
      workflowExecution: { workflowId: run.workflowId, runId: '' },
      reason: 'plain',
      requestId: 'plain-reset',
      ...(first?.eventId && { workflowTaskFinishEventId: first.eventId }),
    });
    expect(await resultOf(run), 'recorded outputs').toEqual({ a: 1, b: 2, c: 2 });
    await runs().rewind(run.runId, { stepPath: 'steps[2]' });
    expect(await resultOf(run)).toEqual({ a: 1, b: 2, c: 3 });
    await runs().rewind(run.runId, { stepPath: 'steps[0]' });
    expect(await resultOf(run)).toEqual({ a: 2, b: 3, c: 4 });
    expect(new Set(seen.keys).size).toBe(seen.keys.length);
    const { workflowId } = run;
    const last = await sluice().client.temporal.workflow.getHandle(workflowId).fetchHistory();
    const replayed = Worker.runReplayHistory(
      { workflowBundle: await suiteBundle(), ...ISOLATE_OPTIONS },
      last,
      workflowId,
    );
    await expect(replayed, 'its history can be replayed').resolves.toBeUndefined();
  });
});

describe('The place of the step', () => {
  it('a wait after the step takes the event that arrived before the rewind', async () => {
    const run = await sluice().startSource(sourceOf([call('a'), PAID, call('b')], counts));
    await sluice().waiting(run);
    await sluice().signal(run, paid('e-1'));
    await resultOf(run);
    await runs().rewind(run.runId, { stepPath: 'steps[0]' });
    expect(await resultOf(run)).toEqual({ a: 2, b: 2 });
    const waits = await waitFor(async () => {
      const { items } = await runs().waits(run.runId);
      return items[0]?.status === 'SATISFIED' && items;
    });
    expect(waits).toHaveLength(1);
  });

  it('a rewind of an open run to its wait opens the wait again', async () => {
    const run = await sluice().startSource(sourceOf([PAID, call('a'), { ...PAID, id: 'again' }], counts));
    await sluice().waiting(run);
    await sluice().signal(run, paid('e-1'));
    await waitFor(() => seen.done.length === 1);
    await sluice().waiting(run);
    await runs().rewind(run.runId, { stepPath: 'steps[1]' });
    await waitFor(() => seen.done.length === 2);
    await sluice().waiting(run);
    await sluice().signal(run, paid('e-2'));
    expect(await resultOf(run)).toEqual({ a: 2 });
  });

  it('a rewind into a loop repeats that iteration and the later ones', async () => {
    const loop = {
      id: 'each',
      type: 'control.forEach',
      items: ['x', 'y', 'z'],
      body: [call('do', { input: { $expr: 'item' }, saveAs: 'vars.last' })],
      collect: { $expr: 'vars.last.n' },
      saveAs: 'vars.all',
    };
    const run = await sluice().startSource(sourceOf([loop], { result: { $expr: 'vars.all' } }));
    expect(await resultOf(run)).toEqual([1, 1, 1]);
    await expect(
      runs().rewind(run.runId, { stepPath: 'steps[0].body[0]', iteration: [7] }),
    ).rejects.toMatchObject({
      code: 'REWIND_NOT_POSSIBLE',
      message: expect.stringContaining('steps[0].body[0] [2]') as string,
    });
    await runs().rewind(run.runId, { stepPath: 'steps[0].body[0]', iteration: [1] });
    expect(await resultOf(run)).toEqual([1, 2, 2]);
    await runs().rewind(run.runId, { stepPath: 'steps[0].body[0]' });
    expect(await resultOf(run), 'without an iteration the first').toEqual([2, 3, 3]);
  });

  it('a rewind into a branch keeps the earlier steps of the other branch, although both began in one task', async () => {
    const branches = { left: [call('l1'), call('l2')], right: [call('r1'), call('r2')] };
    const run = await sluice().startSource(
      sourceOf([{ id: 'both', type: 'control.parallel', branches }, call('z')], counts),
    );
    await resultOf(run);
    await runs().rewind(run.runId, { stepPath: 'steps[0].branches.right[0]' });
    expect(await resultOf(run)).toMatchObject({ l1: 1, r1: 2, r2: 2, z: 2 });
  });

  it('a run can be rewound to a local action and to a step that ends at once', async () => {
    const assign = { id: 'set', type: 'transform.assign', assign: { 'vars.x': { n: 5 } } };
    const run = await sluice().startSource(
      sourceOf([call('a'), call('b', { local: true }), assign, call('c')], counts),
    );
    await resultOf(run);
    await runs().rewind(run.runId, { stepPath: 'steps[1]' });
    expect(await resultOf(run)).toEqual({ a: 1, b: 2, x: 5, c: 2 });
    await runs().rewind(run.runId, { stepPath: 'steps[2]' });
    expect(await resultOf(run)).toEqual({ a: 1, b: 2, x: 5, c: 3 });
  });

  it('a rewind to before an open child cancels that child and starts another one', async () => {
    const inner = sourceOf([PAID, call('inside')]);
    const { pin } = await sluice().publish(inner);
    const outer = sourceOf([
      call('a'),
      { id: 'child', type: 'control.callWorkflow', workflow: pin.id, saveAs: 'vars.child' },
    ]);
    const run = await sluice().startSource(outer, {}, {});
    const children = () => runs().list({ parentRunId: run.runId });
    const first = await waitFor(async () =>
      (await children()).items.find(({ status }) => status === 'WAITING'),
    );
    await runs().rewind(run.runId, { stepPath: 'steps[0]' });
    const second = await waitFor(async () =>
      (await children()).items.find(({ status, runId }) => status === 'WAITING' && runId !== first.runId),
    );
    await waitFor(async () => (await runs().get(first.runId)).status === 'CANCELED');
    await sluice().client.signalEvent(second.workflowId, paid('e-1'));
    await resultOf(run);
    expect(seen.done).toEqual(['a 1', 'a 2', 'inside 1']);
  });

  it('a run can be rewound to before a continue-as-new', () =>
    withSluice({ actions, tuning: { historyEvents: 25 } }, async (own) => {
      const ids = Array.from({ length: 12 }, (_, i) => `s${i}`);
      const run = await own.startSource(
        sourceOf(
          ids.map((id) => call(id)),
          counts,
        ),
      );
      await own.client.result(run.workflowId);
      const { runId: latest } = await own.client.temporal.workflow.getHandle(run.workflowId).describe();
      expect(latest, 'it has continued as new').not.toBe(run.runId);
      const rewound = await own.client.runs.rewind(run.runId, { stepPath: 'steps[3]' });
      expect(rewound.resetExecutionId, 'an earlier execution').toBe(run.runId);
      const expected = Object.fromEntries(ids.map((id, i) => [id, i < 3 ? 1 : 2]));
      expect(await own.client.result(run.workflowId)).toEqual(expected);
      await own.client.runs.rewind(run.runId, { stepPath: 'steps[10]' });
      const again = Object.fromEntries(ids.map((id, i) => [id, i < 3 ? 1 : i < 10 ? 2 : 3]));
      expect(await own.client.result(run.workflowId)).toEqual(again);
      expect((await rowSays(run, 'SUCCEEDED', own)).result).toEqual(again);
      const { gaps, doubled } = await own.projections.reads.checkContiguity(own.tenant, run.runId);
      expect({ gaps, doubled }).toEqual({ gaps: [], doubled: [] });
    }));
});

describe('A rewind that is refused', () => {
  it('a refused rewind names the problems of its input, and unknown runs and steps', async () => {
    const run = await sluice().startSource(sourceOf([call('a'), PAID], counts));
    await sluice().waiting(run);
    const refusals = [
      [run.runId, { stepPath: 'nonsense' }, 'INPUT_INVALID'],
      [run.runId, { stepPath: 'steps[0]', iteration: [-1] }, 'INPUT_INVALID'],
      [run.runId, { stepPath: 'steps[0]', reason: 'x'.repeat(2_000) }, 'INPUT_INVALID'],
      [run.runId, { stepPath: 'steps[7]' }, 'REWIND_NOT_POSSIBLE'],
      [run.runId, { stepPath: 'steps[0].compensate' }, 'REWIND_NOT_POSSIBLE'],
      [run.runId, { stepPath: 'steps[0]', tenant: 'another' }, 'RUN_NOT_FOUND'],
      ['unheard-of', { stepPath: 'steps[0]' }, 'RUN_NOT_FOUND'],
    ] as const;
    for (const [runId, options, code] of refusals) {
      await expect(runs().rewind(runId, options), JSON.stringify(options)).rejects.toMatchObject({ code });
    }
    const { runId } = await sluice().client.temporal.workflow.getHandle(run.workflowId).describe();
    expect(runId, 'it was not reset').toBe(run.runId);
  });

  it('a rewind to after a compensation is refused with the steps that are possible', async () => {
    seen.fails = true;
    const undo = { compensate: { action: 'test.do', input: 'undo' } };
    const fragile = { ...call('c'), action: 'test.fragile' };
    const run = await sluice().startSource(sourceOf([call('a', undo), call('b'), fragile], counts));
    await expect(resultOf(run)).rejects.toMatchObject({ code: 'BROKEN' });
    expect(seen.done).toEqual(['a 1', 'b 1', 'undo 1']);
    await rowSays(run, 'FAILED');
    await expect(runs().rewind(run.runId, { stepPath: 'steps[2]' })).rejects.toMatchObject({
      code: 'REWIND_NOT_POSSIBLE',
      details: { possible: ['steps[0]'] },
    });
    seen.fails = false;
    await runs().rewind(run.runId, { stepPath: 'steps[0]' });
    expect(await resultOf(run)).toEqual({ a: 2, b: 2, c: 1 });
  });

  it('a rewind of a run whose workflow id another run has leaves that run alone', async () => {
    const source = sourceOf([call('a'), PAID], counts);
    const { id } = JSON.parse(source) as { id: string };
    const named = { workflowId: `${id}/one-id` };
    const run = await sluice().startSource(source, {}, named);
    await sluice().waiting(run);
    await sluice().client.terminate(run.workflowId);
    const other = await sluice().start(id, {}, named);
    expect(other.workflowId).toBe(run.workflowId);
    await sluice().waiting(other);
    await expect(runs().rewind(run.runId, { stepPath: 'steps[0]' })).rejects.toMatchObject({
      code: 'REWIND_NOT_POSSIBLE',
    });
    expect((await sluice().client.state(other.workflowId)).runId).toBe(other.runId);
  });
});

describe('Two rewinds at once', () => {
  /** Two clients that each request the reset only after both have read the run. */
  async function both<T>(act: (one: SluiceClient, two: SluiceClient) => Promise<T>): Promise<T> {
    const { temporal, taskQueue, tenant, projections } = sluice();
    let looked = 0;
    const reads: RunReads = {
      ...projections.reads,
      async pageInvocations(...args) {
        looked++;
        await waitFor(() => looked === 2);
        return projections.reads.pageInvocations(...args);
      },
    };
    const clients = await Promise.all(
      [1, 2].map(() => createSluiceClient({ ...temporal, taskQueue, tenant, reads })),
    );
    const [one, two] = clients as [SluiceClient, SluiceClient];
    try {
      return await act(one, two);
    } finally {
      await Promise.all(clients.map((client) => client.close()));
    }
  }

  it('two concurrent rewinds to the same step are one rewind', async () => {
    const run = await sluice().startSource(sourceOf([call('a'), call('b')], counts));
    await resultOf(run);
    const to = { stepPath: 'steps[1]' };
    const made = await both((one, two) =>
      Promise.all([one.runs.rewind(run.runId, to), two.runs.rewind(run.runId, to)]),
    );
    expect(made[0].executionId).toBe(made[1].executionId);
    expect(await resultOf(run)).toEqual({ a: 1, b: 2 });
  });

  it('of two concurrent rewinds to different steps one is done, and the other gets REWIND_CONFLICT', async () => {
    const run = await sluice().startSource(sourceOf([call('a'), call('b'), call('c')], counts));
    await resultOf(run);
    const made = await both((one, two) =>
      Promise.allSettled([
        one.runs.rewind(run.runId, { stepPath: 'steps[1]' }),
        two.runs.rewind(run.runId, { stepPath: 'steps[2]' }),
      ]),
    );
    expect(made.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(made.find((one) => one.status === 'rejected')).toMatchObject({
      reason: { code: 'REWIND_CONFLICT' },
    });
    const first = made[0].status === 'fulfilled';
    expect(await resultOf(run)).toEqual({ a: 1, b: first ? 2 : 1, c: 2 });
  });
});
