/**
 * Commits of events: the rows that they write, in any order, under any execution, and after edits by hand.
 */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RunEvent } from '../../../contracts/run/run-events.js';
import type { Projections } from '../../../projections/index.js';
import { onEveryDatabase } from '../support/databases.js';
import {
  event,
  execution,
  runError,
  runStarted,
  START_MS,
  stepStarted,
  stepSucceeded,
  tables,
  uuid7,
} from '../support/runs.js';

const WAIT = 'steps[1]';

/** A run that acts, waits, loops, fails a step, continues, and ends. */
function story(): readonly RunEvent[] {
  return [
    runStarted(),
    stepStarted(2, 'steps[0]', 'k-0'),
    stepSucceeded(3, 'steps[0]'),
    event(4, 'STATE_SET', { state: 'charged' }),
    event(5, 'STEP_STARTED', { id: 'settled', kind: 'event.wait' }, { path: WAIT }),
    event(
      6,
      'WAIT_OPENED',
      { kind: 'event', eventNames: ['PAYMENT_SETTLED'], correlationKey: 'o-1', deadline: START_MS + 9_000 },
      { path: WAIT },
    ),
    event(7, 'RUN_WAITING', {}),
    event(8, 'RUN_RESUMED', {}),
    event(
      9,
      'WAIT_SATISFIED',
      { eventId: 'e-1', source: 'bank', eventName: 'PAYMENT_SETTLED' },
      { path: WAIT },
    ),
    event(10, 'STEP_SUCCEEDED', { id: 'settled', kind: 'event.wait' }, { path: WAIT }),
    event(
      11,
      'STEP_STARTED',
      { id: 'reserve', kind: 'action.call' },
      { path: 'steps[2].body[0]', iteration: [0] },
    ),
    event(
      12,
      'STEP_STARTED',
      { id: 'reserve', kind: 'action.call' },
      { path: 'steps[2].body[0]', iteration: [1] },
    ),
    event(
      13,
      'STEP_RETRYING',
      { id: 'reserve', kind: 'action.call', error: runError('BUSY'), nextAt: START_MS + 500 },
      { path: 'steps[2].body[0]', iteration: [1] },
    ),
    event(
      14,
      'STEP_STARTED',
      { id: 'reserve', kind: 'action.call' },
      { path: 'steps[2].body[0]', iteration: [1], attempt: 2 },
    ),
    event(
      15,
      'STEP_FAILED',
      { id: 'reserve', kind: 'action.call', error: runError('SOLD_OUT'), continued: true },
      { path: 'steps[2].body[0]', iteration: [1], attempt: 2 },
    ),
    event(
      16,
      'STEP_SUCCEEDED',
      { id: 'reserve', kind: 'action.call', output: 7 },
      { path: 'steps[2].body[0]', iteration: [0] },
    ),
    event(17, 'STEP_SKIPPED', { id: 'gift', kind: 'action.call' }, { path: 'steps[3]' }),
    event(18, 'RUN_CANCEL_REQUESTED', { reason: 'changed my mind' }),
    event(19, 'STATE_SET', { state: 'shipped' }),
    event(20, 'RUN_SUCCEEDED', { result: { shipped: true } }),
  ];
}

onEveryDatabase('commitEvents', (host) => {
  let projections: Projections;
  beforeAll(async () => {
    projections = await host.open();
  });

  it('a commit writes the rows of the run, its steps and its waits from the log', async () => {
    const of = execution();
    await projections.commitEvents(of, story());
    const { tenant, runId } = of.run;
    expect(await projections.reads.getRun(tenant, runId)).toMatchObject({
      status: 'SUCCEEDED',
      state: 'shipped',
      actor: 'alice',
      payload: { orderId: 'o-1', amount: 5 },
      result: { shipped: true },
      cancelReason: 'changed my mind',
      correlationKeys: ['order:o-1'],
      startedAt: new Date(START_MS + 10).toISOString(),
      endedAt: new Date(START_MS + 200).toISOString(),
    });
    const steps = (await projections.reads.listSteps(tenant, runId)).items;
    expect(steps.map((step) => [step.path, step.iteration, step.attempt, step.status])).toEqual([
      ['steps[0]', [], 1, 'SUCCEEDED'],
      [WAIT, [], 1, 'SUCCEEDED'],
      ['steps[2].body[0]', [0], 1, 'SUCCEEDED'],
      ['steps[2].body[0]', [1], 1, 'RETRYING'],
      ['steps[2].body[0]', [1], 2, 'FAILED'],
      ['steps[3]', [], 1, 'SKIPPED'],
    ]);
    expect(steps[4]).toMatchObject({ error: { code: 'SOLD_OUT' }, continued: true });
    expect(await projections.reads.listWaits(tenant, runId)).toMatchObject([
      {
        path: WAIT,
        kind: 'event',
        status: 'SATISFIED',
        correlationKey: 'o-1',
        event: { id: 'e-1', source: 'bank', name: 'PAYMENT_SETTLED' },
        deadline: new Date(START_MS + 9_000).toISOString(),
      },
    ]);
  });

  it('payloads and results keep their key order', async () => {
    const of = execution();
    await projections.commitEvents(of, [runStarted({ z: 1, a: { y: 1, b: 2 } })]);
    const run = await projections.reads.getRun(of.run.tenant, of.run.runId);
    expect(JSON.stringify(run?.payload)).toBe('{"z":1,"a":{"y":1,"b":2}}');
  });

  it('values over the inline limit are kept byte for byte', async () => {
    const of = execution();
    const payload = { text: 'é'.repeat(300_000) };
    await projections.commitEvents(of, [runStarted(payload), event(2, 'RUN_SUCCEEDED', { result: payload })]);
    const run = await projections.reads.getRun(of.run.tenant, of.run.runId);
    expect(run?.payload).toEqual(payload);
    expect(run?.result).toEqual(payload);
    const [started] = (await projections.reads.listEvents(of.run.tenant, of.run.runId)).items;
    expect(started?.type === 'RUN_STARTED' && started.data.payload).toEqual(payload);
  });

  it('the rows converge for any order and any number of commits', async () => {
    const log = story();
    const ordered = await host.open();
    const shape = fc
      .record({
        size: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 20, maxLength: 20 }),
        order: fc.array(fc.integer({ min: 0, max: 1_000 }), { minLength: 40, maxLength: 40 }),
        twice: fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
      })
      .map(({ size, order, twice }) => {
        const commits: RunEvent[][] = [];
        for (let at = 0, i = 0; at < log.length; at += size[i++] ?? 1) {
          // As from the interpreter, a commit may carry events again that earlier commits carried.
          commits.push(log.slice(Math.max(0, at - ((order[i] ?? 0) % 3)), at + (size[i] ?? 1)));
        }
        return commits
          .flatMap((commit, i) => (twice[i] === true ? [commit, commit] : [commit]))
          .map((commit, i) => ({ commit, rank: order[i] ?? 0 }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ commit }) => commit);
      });
    const of = execution({ runId: uuid7(900_000) });
    await ordered.commitEvents(of, log);
    const expected = await tables(ordered, ['execution_first']);
    await fc.assert(
      fc.asyncProperty(shape, async (commits) => {
        const shuffled = await host.open();
        for (const commit of commits) await shuffled.commitEvents(of, commit);
        expect(await tables(shuffled, ['execution_first'])).toEqual(expected);
        await shuffled.close();
      }),
      { numRuns: host.kind === 'mem' ? 25 : 5 },
    );
  }, 120_000);

  it('many lanes that commit at once lose nothing and double nothing', async () => {
    const many = await host.open();
    const of = Array.from({ length: 20 }, () => execution());
    const lanes = 10;
    await Promise.all(
      of.flatMap((run) =>
        Array.from({ length: lanes }, async (_, lane) => {
          const seq = 2 + lane * 2;
          const mine = [stepStarted(seq, `steps[${lane}]`), stepSucceeded(seq + 1, `steps[${lane}]`)];
          await many.commitEvents(run, [runStarted(), ...mine]);
        }),
      ),
    );
    for (const { run } of of) {
      const { tenant, runId } = run;
      expect(await many.reads.checkContiguity(tenant, runId)).toEqual({
        lastSeq: 1 + lanes * 2,
        gaps: [],
        doubled: [],
      });
      expect((await many.reads.listSteps(tenant, runId)).items.map((step) => step.status)).toEqual(
        Array.from({ length: lanes }, () => 'SUCCEEDED'),
      );
    }
  }, 120_000);

  describe('an illegal commit', () => {
    it('an event with other content under a used `seq` is refused, and nothing changes', async () => {
      const of = execution();
      await projections.commitEvents(of, [runStarted(), stepStarted(2, 'steps[0]')]);
      const before = await tables(projections);
      await expect(
        projections.commitEvents(of, [
          event(2, 'STATE_SET', { state: 'other' }),
          event(3, 'RUN_SUCCEEDED', { result: 1 }),
        ]),
      ).rejects.toMatchObject({ code: 'PROJECTION_CONFLICT' });
      expect(await tables(projections)).toEqual(before);
    });

    it('an illegal transition of a run is refused, and the error names both states', async () => {
      const of = execution();
      await projections.commitEvents(of, [runStarted(), event(2, 'RUN_SUCCEEDED', { result: null })]);
      await expect(projections.commitEvents(of, [event(3, 'RUN_WAITING', {})])).rejects.toMatchObject({
        code: 'TRANSITION_ILLEGAL',
        details: { machine: 'run', from: 'SUCCEEDED', to: 'WAITING' },
      });
      expect((await projections.reads.getRun(of.run.tenant, of.run.runId))?.status).toBe('SUCCEEDED');
    });

    it('an illegal transition of a step or a wait is refused, in one commit or in two', async () => {
      const of = execution();
      const skipped = event(3, 'STEP_SKIPPED', { id: 'a', kind: 'action.call' }, { path: 'steps[0]' });
      await expect(
        projections.commitEvents(of, [runStarted(), stepStarted(2, 'steps[0]'), skipped]),
      ).rejects.toMatchObject({ details: { machine: 'step', from: 'RUNNING', to: 'SKIPPED' } });
      await projections.commitEvents(of, [
        runStarted(),
        event(2, 'WAIT_OPENED', { kind: 'time' }, { path: WAIT }),
        event(3, 'WAIT_TIMED_OUT', {}, { path: WAIT }),
      ]);
      await expect(
        projections.commitEvents(of, [event(4, 'WAIT_SATISFIED', {}, { path: WAIT })]),
      ).rejects.toMatchObject({ details: { machine: 'wait', from: 'TIMED_OUT', to: 'SATISFIED' } });
    });
  });

  describe('after somebody changed the rows by hand', () => {
    it('a status that somebody edited is corrected from the log', async () => {
      const of = execution();
      const { tenant, runId } = of.run;
      await projections.commitEvents(of, [runStarted(), stepStarted(2, 'steps[0]')]);
      await projections.database.request(
        `UPDATE type::record('run', $run) SET status = 'FAILED'; UPDATE step:[$run[0], $run[1]]..[$run[0], $run[1], ..] SET status = 'SKIPPED'`,
        { run: [tenant, runId] },
      );
      await projections.commitEvents(of, [stepSucceeded(3, 'steps[0]'), event(4, 'RUN_WAITING', {})]);
      expect((await projections.reads.getRun(tenant, runId))?.status).toBe('WAITING');
      expect((await projections.reads.listSteps(tenant, runId)).items[0]?.status).toBe('SUCCEEDED');
    });

    it('a run that somebody deleted is restored in full', async () => {
      const of = execution();
      const { tenant, runId } = of.run;
      await projections.commitEvents(of, [runStarted(), event(2, 'STATE_SET', { state: 'begun' })]);
      await projections.database.request(`DELETE type::record('run', $run)`, { run: [tenant, runId] });
      await projections.commitEvents(of, [event(3, 'RUN_WAITING', {})]);
      expect(await projections.reads.getRun(tenant, runId)).toMatchObject({
        status: 'WAITING',
        state: 'begun',
        payload: { orderId: 'o-1' },
      });
    });
  });

  describe('under several executions', () => {
    const first = uuid7(1_000_001);
    const second = uuid7(1_000_002);

    it('the log goes on after a continue-as-new, even if events are sent again', async () => {
      const of = execution({ runId: uuid7(1_000_000), executionId: first });
      const { tenant, runId } = of.run;
      await projections.commitEvents(of, [runStarted(), stepStarted(2, 'steps[0]')]);
      const continued = event(4, 'RUN_CONTINUED', { reason: 'suggested', previous: first });
      const again = { ...of, executionId: second };
      await projections.commitEvents(again, [stepSucceeded(3, 'steps[0]'), continued]);
      await projections.commitEvents(again, [event(5, 'RUN_SUCCEEDED', { result: 1 })]);
      const { items } = await projections.reads.listEvents(tenant, runId);
      expect(items.map((one) => [one.seq, one.executionId])).toEqual([
        [1, first],
        [2, first],
        [3, second],
        [4, second],
        [5, second],
      ]);
      // Another commit of the second execution repeats an event that the first had committed.
      await projections.commitEvents(again, [stepStarted(2, 'steps[0]'), stepSucceeded(3, 'steps[0]')]);
      expect(await projections.reads.checkContiguity(tenant, runId)).toEqual({
        lastSeq: 5,
        gaps: [],
        doubled: [],
      });
    });

    it.each([
      ['in order', [0, 1]],
      ['out of order', [1, 0]],
    ])(
      'a reset that keeps the start and sends it again leaves no gap when its commits arrive %s',
      async (_, order) => {
        const own = await host.open();
        // This reset has an id of version 4, so the time at which the database saw it decides.
        const of = execution({ runId: uuid7(1_000_000), executionId: first });
        const reset = { ...of, executionId: 'b85c9444-75d4-47a2-aa4a-7ac61d784a37' };
        const { tenant, runId } = of.run;
        await own.commitEvents(of, [runStarted(), stepStarted(2, 'steps[0]')]);
        await own.commitEvents(of, [stepSucceeded(3, 'steps[0]'), event(4, 'RUN_SUCCEEDED', { result: 1 })]);
        const rejected = { signal: 'event', reason: 'x' };
        const commits = [
          [runStarted(), event(3, 'SIGNAL_REJECTED', rejected)],
          [stepSucceeded(4, 'steps[0]'), stepStarted(5, 'steps[1]'), event(6, 'RUN_WAITING', {})],
        ];
        for (const which of order) await own.commitEvents(reset, commits[which] ?? []);
        const live = (await own.reads.listEvents(tenant, runId)).items;
        expect(live.map((one) => [one.seq, one.type, one.executionId === first])).toEqual([
          [1, 'RUN_STARTED', true],
          [2, 'STEP_STARTED', true],
          [3, 'SIGNAL_REJECTED', false],
          [4, 'STEP_SUCCEEDED', false],
          [5, 'STEP_STARTED', false],
          [6, 'RUN_WAITING', false],
        ]);
        expect((await own.reads.getRun(tenant, runId))?.status).toBe('WAITING');
        const steps = (await own.reads.listSteps(tenant, runId)).items;
        expect(steps.map(({ status }) => status)).toEqual(['SUCCEEDED', 'RUNNING']);
        expect(
          (await own.maintenance.rebuildRun(tenant, runId)).filter(({ table }) => table !== 'run'),
        ).toEqual([]);
      },
    );

    it.each(['in order', 'late'])(
      'a reset supersedes the events after its point when the old commit arrives %s',
      async (when) => {
        const own = await host.open();
        const of = execution({ runId: uuid7(1_000_000), executionId: first });
        const { tenant, runId } = of.run;
        const start = [runStarted(), stepStarted(2, 'steps[0]')];
        const undone = [
          event(
            3,
            'STEP_FAILED',
            { id: 'a', kind: 'action.call', error: runError('BAD') },
            { path: 'steps[0]' },
          ),
          event(4, 'RUN_FAILED', { error: runError('BAD') }),
        ];
        const reset = { ...of, executionId: second };
        await own.commitEvents(of, start);
        if (when === 'in order') await own.commitEvents(of, undone);
        await own.commitEvents(reset, [stepSucceeded(3, 'steps[0]')]);
        if (when === 'late') await own.commitEvents(of, undone);
        expect((await own.reads.getRun(tenant, runId))?.status).toBe('RUNNING');
        expect((await own.reads.listSteps(tenant, runId)).items).toMatchObject([
          { status: 'SUCCEEDED', error: null },
        ]);
        const live = (await own.reads.listEvents(tenant, runId)).items;
        expect(live.map((one) => [one.seq, one.executionId])).toEqual([
          [1, first],
          [2, first],
          [3, second],
        ]);
        const all = (await own.reads.listEvents(tenant, runId, { superseded: true })).items;
        expect(all.filter((one) => one.superseded).map((one) => [one.seq, one.type])).toEqual([
          [3, 'STEP_FAILED'],
          [4, 'RUN_FAILED'],
        ]);
        // A repetition of either changes nothing.
        const before = await tables(own);
        await own.commitEvents(of, undone);
        await own.commitEvents(reset, [stepSucceeded(3, 'steps[0]')]);
        expect(await tables(own)).toEqual(before);
      },
    );
  });
});
