/** The same act on every run that matches a filter: each run has its own item. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { BulkItem, StartedRun } from '../../client/index.js';
import type { RunStatus } from '../../contracts/run/run.js';
import { useSluice } from '../support/sluice.js';
import { waitFor } from '../support/wait-for.js';
import { call, outside, sourceOf } from './support/outside.js';

const { seen, actions, clear } = outside();
const sluice = useSluice({ actions });
beforeEach(clear);

const runs = () => sluice().client.runs;
const rowSays = (run: StartedRun, status: RunStatus) =>
  waitFor(async () => (await runs().get(run.runId)).status === status);
/** What was done outside, without the stragglers of other cases. */
const effects = () => seen.done.filter((one) => !one.startsWith('a '));
const WAITS = [{ id: 'go', type: 'event.wait', eventName: 'GO' }];

async function collect(items: AsyncIterable<BulkItem>): Promise<BulkItem[]> {
  const all: BulkItem[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function some(
  count: number,
  steps = WAITS as Parameters<typeof sourceOf>[0],
  status: RunStatus = 'WAITING',
) {
  const { pin } = await sluice().publish(sourceOf(steps));
  const started = await Promise.all(Array.from({ length: count }, () => sluice().start(pin.id)));
  await Promise.all(started.map((run) => rowSays(run, status)));
  // A run's last commit precedes its close.
  if (status === 'SUCCEEDED') await Promise.all(started.map((run) => sluice().result(run)));
  return { definition: pin.id, started };
}

describe('bulk', () => {
  it('a bulk cancel cancels every run that matches and no other; a dry run only lists them', async () => {
    const { definition, started } = await some(5);
    const { started: others } = await some(1);
    const ids = started.map(({ runId }) => runId).sort();
    const would = await collect(runs().bulk('cancel', { definition }, { dryRun: true }));
    expect(would.map(({ runId }) => runId).sort()).toEqual(ids);
    expect(new Set(would.map(({ outcome }) => outcome))).toEqual(new Set(['would']));
    for (const run of started) expect((await runs().get(run.runId)).status).toBe('WAITING');

    const done = await collect(
      runs().bulk('cancel', { definition }, { reason: 'all of them', concurrency: 2 }),
    );
    expect(done.map(({ runId, outcome }) => `${runId} ${outcome}`).sort()).toEqual(
      ids.map((id) => `${id} done`),
    );
    for (const run of started) await rowSays(run, 'CANCELED');
    expect((await runs().get(started[0]?.runId ?? '')).cancelReason).toBe('all of them');
    expect((await runs().get(others[0]?.runId ?? '')).status).toBe('WAITING');
    expect(await collect(runs().bulk('cancel', { definition })), 'nothing is left').toEqual([]);
  });

  it('a bulk cancel continues past a run that fails or has ended, and reports it', async () => {
    const { definition, started } = await some(3);
    const [ended, gone] = started;
    // Temporal has ended one run and lost another; their rows are behind.
    await sluice().stopWorker();
    const { temporal } = sluice().client;
    await temporal.workflow.getHandle(ended?.workflowId ?? '').terminate();
    await temporal.workflowService.deleteWorkflowExecution({
      namespace: sluice().temporal.namespace,
      workflowExecution: { workflowId: gone?.workflowId ?? '', runId: gone?.runId ?? '' },
    });
    await waitFor(() =>
      temporal.workflow
        .getHandle(gone?.workflowId ?? '')
        .describe()
        .then(
          () => false,
          () => true,
        ),
    );
    const items = await collect(runs().bulk('terminate', { definition }, { limit: 10 }));
    expect(new Map(items.map(({ runId, outcome, error }) => [runId, [outcome, error?.code]]))).toEqual(
      new Map([
        [ended?.runId, ['skipped', 'RUN_CLOSED']],
        [gone?.runId, ['failed', 'WORKFLOW_TEMPORAL_TERMINATE_FAILED']],
        [started[2]?.runId, ['done', undefined]],
      ]),
    );
    await sluice().startWorker();
  });

  it('a bulk re-run that is repeated under one operation id re-runs each source once', async () => {
    const { definition, started } = await some(3, [call('a')], 'SUCCEEDED');
    expect(seen.done).toHaveLength(3);
    const operation = { operationId: 'repeat-1' };
    const first = await collect(
      runs().bulk('rerun', { definition, status: 'SUCCEEDED' }, { ...operation, limit: 2 }),
    );
    expect(first.map(({ outcome }) => outcome)).toEqual(['done', 'done']);
    for (const { started: fresh } of first) {
      if (fresh !== undefined) await sluice().client.result(fresh.workflowId);
    }
    const sources = new Set(started.map(({ runId }) => runId));
    const again = (
      await collect(runs().bulk('rerun', { definition, status: 'SUCCEEDED' }, operation))
    ).filter(({ runId }) => sources.has(runId));
    expect(again.map(({ outcome, error }) => [outcome, error?.code]).sort()).toEqual([
      ['done', undefined],
      ['skipped', 'WORKFLOW_ALREADY_STARTED'],
      ['skipped', 'WORKFLOW_ALREADY_STARTED'],
    ]);
  });

  it('a bulk rewind goes back to the step that failed, and its dry run names what that repeats [bulk-repeats-no-effect]', async () => {
    const fragile = call('charge', { action: 'test.fragile' });
    const { pin } = await sluice().publish(sourceOf([call('reserve'), fragile, call('mail')]));
    seen.fails = true;
    const run = await sluice().start(pin.id);
    await expect(sluice().result(run)).rejects.toThrow();
    await rowSays(run, 'FAILED');
    const failed = { definition: pin.id, status: 'FAILED' } as const;
    const about = { runId: run.runId, workflowId: run.workflowId };
    const charge = { stepPath: 'steps[1]', iteration: [] };
    const broken = { ...charge, action: 'test.fragile', status: 'FAILED' };
    const reserved = { stepPath: 'steps[0]', iteration: [], action: 'test.do', status: 'SUCCEEDED' };
    const dryRun = true;
    expect(await collect(runs().bulk('rewind', failed, { dryRun }))).toEqual([
      { ...about, outcome: 'would', step: charge, repeats: { effects: [broken], moreEffects: 0 } },
    ]);
    expect(await collect(runs().bulk('rerun', failed, { dryRun }))).toEqual([
      { ...about, outcome: 'would', repeats: { effects: [reserved, broken], moreEffects: 0 } },
    ]);
    expect(effects()).toEqual(['reserve 1']);

    seen.fails = false;
    const operation = { operationId: 'incident-12', reason: 'the bank is back' };
    const [rewound] = await collect(runs().bulk('rewind', failed, operation));
    expect(rewound).toEqual({ ...about, outcome: 'done', step: charge });
    await rowSays(run, 'SUCCEEDED');
    expect(effects()).toEqual(['reserve 1', 'charge 1', 'mail 1']);
    expect(await collect(runs().bulk('rewind', { definition: pin.id }, operation)), 'all succeeded').toEqual(
      [],
    );
  });

  it('a run that has been re-run is shown so, and no bulk act repeats it unless it is told to [bulk-repeats-no-effect]', async () => {
    const fragile = call('charge', { action: 'test.fragile' });
    const { pin } = await sluice().publish(sourceOf([fragile]));
    seen.fails = true;
    const run = await sluice().start(pin.id);
    await expect(sluice().result(run)).rejects.toThrow();
    await rowSays(run, 'FAILED');
    seen.fails = false;
    const again = await runs().rerun(run.runId);
    await rowSays(again, 'SUCCEEDED');
    expect((await runs().get(run.runId)).reruns).toEqual([
      { runId: again.runId, workflowId: again.workflowId },
    ]);
    const failed = { definition: pin.id, status: 'FAILED' } as const;
    for (const action of ['rerun', 'rewind'] as const) {
      for (const dryRun of [true, false]) {
        expect(await collect(runs().bulk(action, failed, { dryRun }))).toMatchObject([
          { runId: run.runId, outcome: 'skipped', error: { code: 'RUN_RERUN' } },
        ]);
      }
    }
    expect(effects()).toEqual(['charge 1']);
    expect(await collect(runs().bulk('rewind', failed, { rerunToo: true }))).toMatchObject([
      { runId: run.runId, outcome: 'done' },
    ]);
    await rowSays(run, 'SUCCEEDED');
    expect(effects()).toEqual(['charge 1', 'charge 2']);
  });

  it('a bulk act refuses an empty filter without `all` and options that are not valid', async () => {
    const refused = (...args: Parameters<ReturnType<typeof runs>['bulk']>) =>
      expect(
        runs()
          .bulk(...args)
          .next(),
      ).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    await refused('cancel', {});
    await refused('cancel', { definition: 'x' }, { concurrency: 0 });
    await refused('cancel', { definition: 'x' }, { limit: 0 });
    await refused('rerun', { definition: 'x' }, { operationId: 'a b' });
    await refused('rerun', { definition: 'x' }, { stepPath: 'steps[0]' });
    await refused('resume' as never, { definition: 'x' });
  });
});
