/**
 * Two tenants with identical ids: in every read and every write, neither sees or touches the other's rows. The
 * lists of reads and writes are taken from what projections offer: a new one has to say here how it is asked.
 */
import { expect, it } from 'vitest';
import type { Execution } from '../../contracts/projection.js';
import type { Projections } from '../../projections/index.js';
import { onEveryDatabase } from './support/databases.js';
import {
  event,
  execution,
  invocation,
  lease,
  runError,
  runStarted,
  stepStarted,
  stepSucceeded,
  tables,
} from './support/runs.js';

const KEY = 'same-key';
const use = invocation(KEY);
const start = [runStarted(), stepStarted(2, 'steps[0]', KEY)];
const definition = {
  pin: { id: 'same', version: 1, hash: 'a' },
  source: 'acme',
  format: 'yaml' as const,
  publishedBy: 'alice',
};

type Ask = (projections: Projections, of: Execution) => Promise<unknown>;

/** Every read, asked by a tenant that has nothing; what it must give. */
const READS: Readonly<Record<string, readonly [ask: Ask, nothing: unknown]>> = {
  'reads.getRun': [({ reads }, { run }) => reads.getRun(run.tenant, run.runId), undefined],
  'reads.listRuns': [
    async ({ reads }, { run }) => [
      (await reads.listRuns(run.tenant)).items,
      (await reads.listRuns(run.tenant, { correlationKey: 'order:o-1' })).items,
      (await reads.listRuns(run.tenant, { definition: run.definition, status: 'WAITING' })).items,
    ],
    [[], [], []],
  ],
  'reads.listSteps': [async ({ reads }, { run }) => (await reads.listSteps(run.tenant, run.runId)).items, []],
  'reads.listEvents': [
    async ({ reads }, { run }) => (await reads.listEvents(run.tenant, run.runId, { superseded: true })).items,
    [],
  ],
  'reads.listWaits': [({ reads }, { run }) => reads.listWaits(run.tenant, run.runId), []],
  'reads.listInvocations': [({ reads }, { run }) => reads.listInvocations(run.tenant, run.runId), []],
  'reads.checkContiguity': [
    ({ reads }, { run }) => reads.checkContiguity(run.tenant, run.runId),
    { lastSeq: 0, gaps: [], doubled: [] },
  ],
  findDefinition: [(all, { run }) => all.findDefinition(run.tenant, 'same'), undefined],
  definitionIds: [(all, { run }) => all.definitionIds(run.tenant), []],
};

/** Every write, done by the other tenant under the same ids, in this order. */
const WRITES: Readonly<Record<string, Ask>> = {
  renewLease: async (all, { run }) => {
    expect(await all.renewLease(run.tenant, KEY, lease('w1'))).toBe(false);
  },
  beginAction: async (all, of) => {
    expect(await all.beginAction(of, [runStarted({ mine: true })], use, lease('w9'))).toEqual({
      kind: 'execute',
    });
  },
  finishAction: (all, of) => all.finishAction(of, use, { status: 'FAILED', error: runError('X') }, [], 'w9'),
  commitEvents: (all, of) => all.commitEvents(of, [event(2, 'RUN_FAILED', { error: runError('X') })]),
  putDefinition: (all, { run }) =>
    all.putDefinition(run.tenant, { ...definition, pin: { ...definition.pin, hash: 'b' } }),
  'maintenance.rebuildRun': (all, { run }) => all.maintenance.rebuildRun(run.tenant, run.runId),
  'maintenance.removeClosedRuns': (all) =>
    all.maintenance.removeClosedRuns({ endedBefore: new Date(), limit: 10 }),
};

// Asked of the whole database by an operator, and of no tenant.
const OF_ALL_TENANTS = ['maintenance.loggedRuns'];

/** Names of all functions that projections offer, one level deep. */
function offered(projections: Projections): readonly string[] {
  return Object.entries(projections).flatMap(([name, value]: [string, unknown]) => {
    if (name === 'close' || name === 'database') return [];
    if (typeof value === 'function') return [name];
    return Object.keys(value as object).map((inner) => `${name}.${inner}`);
  });
}

onEveryDatabase('Two tenants with identical ids', (host) => {
  it('are told apart by every read and every write: these are all there are', async () => {
    const projections = await host.open();
    const listed = [...Object.keys(READS), ...Object.keys(WRITES), ...OF_ALL_TENANTS];
    expect(listed.sort()).toEqual([...offered(projections)].sort());
  });

  it('never see or touch each other’s rows', async () => {
    const projections = await host.open();
    const of = execution({ tenant: 'acme' });
    // Its name begins as the other's does: a range of keys must not reach into it.
    const other: Execution = { ...of, run: { ...of.run, tenant: 'acme2' } };
    await projections.beginAction(of, start, use, lease('w1'));
    await projections.finishAction(of, use, { status: 'SUCCEEDED', output: 1, artifacts: [] }, [], 'w1');
    await projections.commitEvents(of, [
      stepSucceeded(3, 'steps[0]'),
      event(4, 'WAIT_OPENED', { kind: 'time' }, { path: 'steps[1]' }),
      event(5, 'RUN_WAITING', {}),
    ]);
    await projections.putDefinition('acme', definition);
    const before = await tables(projections);

    for (const [name, [ask, nothing]] of Object.entries(READS)) {
      expect(await ask(projections, other), name).toEqual(nothing);
    }
    expect(await tables(projections)).toEqual(before);

    const mine: Record<string, unknown> = {};
    for (const [name, [ask]] of Object.entries(READS)) mine[name] = await ask(projections, of);
    for (const [name, write] of Object.entries(WRITES)) {
      await write(projections, other);
      for (const [read, [ask, nothing]] of Object.entries(READS)) {
        const seen = await ask(projections, of);
        expect(seen, `${read} after ${name}`).toEqual(mine[read]);
        expect(seen, `${read} has rows to lose`).not.toEqual(nothing);
      }
    }
    // What retention removed was the closed run of the other tenant, whole, and none of this one.
    expect(await projections.reads.getRun(other.run.tenant, other.run.runId)).toBeUndefined();
    expect(await tables(projections)).toEqual(before);
  });
});
