/**
 * Actions that change nothing but through their writes: what is recorded of them, when, and what still
 * counts.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineAction, SluiceError } from '../../actions/index.js';
import type { ProjectionStore } from '../../contracts/run/projection.js';
import { waitFor } from '../support/wait-for.js';
import { gate } from './gate.js';
import { openWorld, type World } from './world.js';

let calls = 0;
let held = gate();
let refuse: ((name: string) => boolean) | undefined;
const commits: string[] = [];

const actions = [
  defineAction({
    id: 'test.read',
    version: 1,
    readOnly: true,
    input: z.object({ what: z.string().optional() }),
    output: z.object({ call: z.int() }),
    async run({ what }, context) {
      const call = ++calls;
      context.artifact(`read-${call}`);
      if (what === 'slow') {
        held.reach();
        await held.open;
      }
      if (what === 'fail') throw new SluiceError('NOT_THERE', 'nothing to read', { retryable: false });
      if (what === 'write') context.writes.add('note', 'CREATE note:one SET n = $n', { n: call });
      if (what === 'bad-write') context.writes.add('note', 'CREATE note:two SET n = fn::no_such_function()');
      return { call };
    },
  }),
];

/** Notes the writes that activities ask for, and refuses some. */
function through(store: ProjectionStore): ProjectionStore {
  const noted = <A extends unknown[], R>(name: string, write: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      if (refuse?.(name) === true) throw new SluiceError('DATABASE_FAILED', 'refused for a test');
      commits.push(name);
      return write(...args);
    };
  };
  return {
    ...store,
    beginAction: noted('begin', (...args: Parameters<ProjectionStore['beginAction']>) =>
      store.beginAction(...args),
    ),
    finishAction: noted('finish', (...args: Parameters<ProjectionStore['finishAction']>) =>
      store.finishAction(...args),
    ),
    recordAction: noted('record', (...args: Parameters<ProjectionStore['recordAction']>) =>
      store.recordAction(...args),
    ),
  };
}

let world: World;
beforeAll(async () => {
  world = await openWorld({ actions, through });
});
afterAll(() => world.close());

const call = (what?: string) => {
  commits.length = 0;
  return world.call({ type: 'test.read', input: what === undefined ? {} : { what } });
};

describe('a read-only action', () => {
  it('a read-only action that runs as a local one begins in the ledger before it acts [a-deadly-action-is-bounded]', async () => {
    commits.length = 0;
    await world.call({ type: 'test.read', input: {}, envelope: { local: true } });
    expect(commits).toEqual(['begin', 'finish']);
  });

  it('a read-only action that ends soon is recorded at once, with the rows that any action has', async () => {
    const { outcome, runId } = await call();
    expect(outcome).toEqual({
      kind: 'result',
      result: {
        output: { call: calls },
        artifacts: [`read-${calls}`],
        signals: '',
        seal: expect.any(String) as string,
      },
    });
    expect(commits).toEqual(['record']);
    expect(await world.ledger(runId)).toMatchObject({
      action: 'test.read',
      status: 'SUCCEEDED',
      output: { call: calls },
      artifacts: [`read-${calls}`],
      attempts: 1,
    });
    expect((await world.projections.reads.listSteps('default', runId)).items).toMatchObject([
      { path: 'steps[0]', status: 'SUCCEEDED', output: { call: calls } },
    ]);
  });

  it('a read-only action that fails is recorded as FAILED, with its code', async () => {
    const { outcome, runId } = await call('fail');
    expect(outcome).toMatchObject({ kind: 'failure', type: 'NOT_THERE', details: [{ committed: true }] });
    expect(commits).toEqual(['record']);
    expect(await world.ledger(runId)).toMatchObject({ status: 'FAILED', error: { code: 'NOT_THERE' } });
  });

  it('a read-only action commits its writes with its outcome, or fails with them', async () => {
    const { outcome } = await call('write');
    expect(outcome).toMatchObject({ kind: 'result' });
    const [note] = await world.projections.database.request('SELECT VALUE n FROM note');
    expect(note).toEqual({ ok: true, value: [calls] });
    const refused = await call('bad-write');
    expect(refused.outcome).toMatchObject({ kind: 'failure', type: 'ACTION_WRITES_FAILED' });
    expect(await world.ledger(refused.runId)).toMatchObject({ status: 'FAILED' });
  });

  it('a read-only action that takes longer shows that it runs, and ends as any action does', async () => {
    held = gate();
    commits.length = 0;
    const handle = await world.start({ type: 'test.read', input: { what: 'slow' } });
    await held.reached;
    const runId = handle.firstExecutionRunId;
    await waitFor(async () => (await world.ledger(runId))?.status === 'STARTED');
    held.release();
    expect(await handle.result()).toMatchObject({ kind: 'result' });
    expect(commits).toEqual(['begin', 'finish']);
    expect(await world.ledger(runId)).toMatchObject({ status: 'SUCCEEDED', attempts: 1 });
  });

  it('a read-only action is called again if nothing was recorded, and the first recorded outcome counts', async () => {
    let refusals = 2;
    refuse = (name) => name === 'record' && refusals-- > 0;
    const before = calls;
    const { outcome, runId } = await call();
    refuse = undefined;
    expect(calls).toBe(before + 3);
    expect(outcome).toMatchObject({ kind: 'result', result: { output: { call: before + 3 } } });
    // The same key once more, as after a reset: the action acts, and returns what the ledger has.
    const again = await world.call({
      type: 'test.read',
      input: { what: 'fail' },
      envelope: {
        run: { runId, tenant: 'default', definition: 'testing', version: 1 },
        events: [],
        idempotencyKey: `${runId}/steps[0]`,
      },
    });
    expect(calls).toBe(before + 4);
    expect(again.outcome).toMatchObject({
      kind: 'result',
      result: { output: { call: before + 3 }, recorded: true },
    });
    expect(await world.ledger(runId)).toMatchObject({ status: 'SUCCEEDED', output: { call: before + 3 } });
  });
});
