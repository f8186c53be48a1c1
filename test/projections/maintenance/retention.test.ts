/** Retention removes closed runs that are old enough, whole and in bounded batches, and no other row. */
import { expect, it } from 'vitest';
import type { Projections } from '../../../projections/index.js';
import { countPrunable, pruneRuns, startRetention } from '../../../worker/processes/retention.js';
import { waitFor } from '../../support/wait-for.js';
import { onEveryDatabase } from '../support/databases.js';
import {
  event,
  execution,
  invocation,
  lease,
  runStarted,
  runStartedAs,
  START_MS,
  stepStarted,
  stepSucceeded,
  tables,
} from '../support/runs.js';

const DAY_MS = 86_400_000;
/** Days from the end of the test's runs to now. */
const AGE_DAYS = (Date.now() - START_MS) / DAY_MS;

/** A run with rows in every table that belongs to runs. */
async function makeRun(
  projections: Projections,
  status: 'open' | 'closed',
  tenant = 'acme',
): Promise<string> {
  const of = execution({ tenant });
  const use = invocation(`key ${of.run.runId}`);
  await projections.beginAction(
    of,
    [runStarted({ large: 'x'.repeat(300_000) }), stepStarted(2, 'steps[0]', use.idempotencyKey)],
    use,
    lease('w'),
  );
  await projections.finishAction(of, use, {
    outcome: { status: 'SUCCEEDED', output: 1, artifacts: [] },
    writes: [],
    holder: 'w',
  });
  await projections.commitEvents(of, [
    stepSucceeded(3, 'steps[0]'),
    event(
      4,
      'WAIT_OPENED',
      { kind: 'event', eventNames: ['PAID'], correlationKey: 'o-1' },
      { path: 'steps[1]' },
    ),
    status === 'open' ? event(5, 'RUN_WAITING', {}) : event(5, 'RUN_CANCELED', {}),
  ]);
  return of.run.runId;
}

onEveryDatabase(
  'Retention',
  (host) => {
    it('old closed runs are removed with all their rows, and every other row stays', async () => {
      const projections = await host.open();
      const kept = [await makeRun(projections, 'open'), await makeRun(projections, 'open', 'other')];
      const before = await tables(projections);
      for (let i = 0; i < 5; i++) await makeRun(projections, 'closed', i < 3 ? 'acme' : 'other');
      expect((await tables(projections))['run']?.length).toBe(kept.length + 5);
      expect(await pruneRuns(projections, AGE_DAYS - 1)).toBe(5);
      expect(await tables(projections)).toEqual(before);
      expect(await pruneRuns(projections, AGE_DAYS - 1)).toBe(0);
      const [watched] = await projections.database.request('SELECT VALUE id[1] FROM run_watch');
      expect(watched?.ok === true && (watched.value as string[]).sort()).toEqual(kept.sort());
    });

    it('runs that ended later are kept', async () => {
      const projections = await host.open();
      await makeRun(projections, 'closed');
      const before = await tables(projections);
      expect(await pruneRuns(projections, AGE_DAYS + 1)).toBe(0);
      expect(await tables(projections)).toEqual(before);
    });

    it('runs are removed in batches of the requested size, and the removal can stop between two', async () => {
      const projections = await host.open();
      for (let i = 0; i < 7; i++) await makeRun(projections, 'closed');
      const endedBefore = new Date();
      expect(await projections.maintenance.removeClosedRuns({ endedBefore, limit: 3 })).toBe(3);
      expect((await projections.reads.listRuns('acme')).items.length).toBe(4);
      const batches: number[] = [];
      expect(
        await pruneRuns(projections, 0, (removed) => {
          batches.push(removed);
          return false;
        }),
      ).toBe(4);
      expect(batches).toEqual([4]);
    });

    it('a run that becomes alive meanwhile is kept, and two removals at once remove each run once', async () => {
      const projections = await host.open();
      const revived = execution({ executionId: 'first' });
      await projections.commitEvents(revived, [runStartedAs(revived), event(2, 'RUN_CANCELED', {})]);
      for (let i = 0; i < 6; i++) await makeRun(projections, 'closed');
      const [one, two] = await Promise.all([
        pruneRuns(projections, 0),
        pruneRuns(projections, 0),
        // A reset: the run is alive again under another execution, or comes anew after it was removed.
        projections.commitEvents({ ...revived, executionId: 'second' }, [
          runStartedAs(revived),
          event(2, 'STATE_SET', { state: 'again' }),
        ]),
      ]);
      expect(one + two).toBeGreaterThanOrEqual(6);
      expect(one + two).toBeLessThanOrEqual(7);
      const { items } = await projections.reads.listRuns('acme');
      expect(items.map(({ runId, status, state }) => [runId, status, state])).toEqual([
        [revived.run.runId, 'RUNNING', 'again'],
      ]);
      expect(await projections.maintenance.rebuildRun('acme', revived.run.runId)).toEqual([]);
    });

    it('a run whose outbox still has something to send is kept', async () => {
      const projections = await host.open();
      const of = execution();
      const publish = { position: 1, eventId: 'e', eventName: 'DONE', correlationKey: null, payload: {} };
      await projections.commitEvents(of, [
        runStarted(),
        event(2, 'STEP_SUCCEEDED', { id: 'a', kind: 'event.publish', publish }, { path: 'steps[0]' }),
        event(3, 'RUN_SUCCEEDED', { result: 1 }),
      ]);
      expect(await pruneRuns(projections, 0)).toBe(0);
      const [due] = (await projections.events.dueOutbox(undefined, 10)).items;
      if (due === undefined) throw new Error('Nothing is due');
      await projections.events.settleOutbox(due, { status: 'SENT' });
      expect(await pruneRuns(projections, 0)).toBe(1);
      expect((await tables(projections))['outbox']).toEqual([]);
    });

    it('retention runs in a worker until it is stopped, and goes on after a failure', async () => {
      const projections = await host.open();
      await makeRun(projections, 'closed');
      const logged: string[] = [];
      let fails = true;
      const stop = startRetention({
        projections: {
          maintenance: {
            ...projections.maintenance,
            removeClosedRuns: (request) => {
              if (!fails) return projections.maintenance.removeClosedRuns(request);
              fails = false;
              return Promise.reject(new Error('away'));
            },
          },
        },
        days: 1,
        keptDays: () => Promise.resolve(0.5),
        everyMs: 5,
        log: { info: (_, message) => logged.push(message), error: (_, message) => logged.push(message) },
      });
      await waitFor(() => logged.length >= 2);
      await stop();
      expect(logged).toEqual([
        'Closed runs could not be removed; the next pass tries again',
        'Closed runs past their retention were removed',
      ]);
      expect((await projections.reads.listRuns('acme')).items).toEqual([]);
    });

    it('retention keeps the rows of runs that Temporal may still reset, and says so [rows-outlive-histories]', async () => {
      const projections = await host.open();
      await makeRun(projections, 'closed');
      const before = await tables(projections);
      const logged: unknown[] = [];
      let kept = 1;
      const stop = startRetention({
        projections,
        days: 1,
        keptDays: () => Promise.resolve(kept),
        everyMs: 5,
        log: {
          info: (fields) => logged.push(fields),
          error: (fields) => logged.push(fields),
        },
      });
      await waitFor(() => logged.length >= 2);
      expect(logged[0]).toMatchObject({ code: 'RETENTION_TOO_SHORT' });
      expect(await tables(projections)).toEqual(before);
      // The operator shortens it in Temporal; no restart is needed.
      kept = 0.9;
      await waitFor(async () => (await projections.reads.listRuns('acme')).items.length === 0);
      await stop();
      expect(logged.at(-1)).toMatchObject({ removed: 1 });
    });

    it('what would be removed is counted and measured, also from a sample', async () => {
      const projections = await host.open();
      const ages = { days: AGE_DAYS - 1, eventDays: undefined, auditDays: undefined };
      expect((await countPrunable(projections, ages)).runs).toEqual({ count: 0, bytes: 0 });
      await makeRun(projections, 'open');
      await makeRun(projections, 'closed');
      const one = (await countPrunable(projections, ages)).runs;
      expect(one.count).toBe(1);
      // The payload of 300,000 characters is there once, in the run's log.
      expect(one.bytes).toBeGreaterThan(300_000);
      expect(one.bytes).toBeLessThan(700_000);
      await makeRun(projections, 'closed', 'other');
      const two = (await countPrunable(projections, ages)).runs;
      expect(two.count).toBe(2);
      expect(Math.abs(two.bytes - 2 * one.bytes)).toBeLessThan(one.bytes / 100);
    });
  },
  ['surrealkv', 'rocksdb', 'server'],
);
