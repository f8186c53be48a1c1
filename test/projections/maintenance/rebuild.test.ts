/** Rebuilds derived rows from the log, and the log from inputs of activities; compares row by row. */
import { describe, expect, it } from 'vitest';
import type { Execution } from '../../../contracts/run/projection.js';
import type { RunEvent } from '../../../contracts/run/run-events.js';
import type { CarriedEvents, Projections } from '../../../projections/index.js';
import { onEveryDatabase } from '../support/databases.js';
import {
  clear,
  DERIVED,
  event,
  execution,
  invocation,
  lease,
  runError,
  runStarted,
  runStartedAs,
  stepStarted,
  stepSucceeded,
  tables,
  uuid7,
} from '../support/runs.js';

const LOG = ['run_event', 'run_execution'];

const first = uuid7(3_000_001);
const second = uuid7(3_000_002);
const third = uuid7(3_000_003);
const of = execution({ runId: uuid7(3_000_000), executionId: first });

const waitOpened = (seq: number) =>
  event(
    seq,
    'WAIT_OPENED',
    { kind: 'event', eventNames: ['PAID'], correlationKey: 'o-1' },
    { path: 'steps[1]' },
  );

interface Story {
  readonly name: string;
  readonly carried: readonly CarriedEvents[];
  /** Writes to the ledger, besides the log. */
  readonly beside?: (projections: Projections) => Promise<void>;
}

function carry(executionId: string, ...events: readonly RunEvent[]): CarriedEvents {
  return { execution: { ...of, executionId } satisfies Execution, events };
}

const STORIES: readonly Story[] = [
  {
    name: 'that waits, with a payload over the inline limit',
    carried: [
      carry(first, runStartedAs(of, 'x'.repeat(400_000)), stepStarted(2, 'steps[0]', 'k')),
      carry(first, stepSucceeded(3, 'steps[0]'), event(4, 'STATE_SET', { state: 'charged' })),
      carry(first, waitOpened(5), event(6, 'RUN_WAITING', {})),
    ],
  },
  {
    name: 'that was reset, and continued as new afterwards',
    carried: [
      carry(first, runStartedAs(of, 'a'), stepStarted(2, 'steps[0]', 'k')),
      carry(
        first,
        event(
          3,
          'STEP_FAILED',
          { id: 'a', kind: 'action.call', error: runError('BAD') },
          { path: 'steps[0]' },
        ),
        event(4, 'RUN_FAILED', { error: runError('BAD') }),
      ),
      carry(second, stepSucceeded(3, 'steps[0]')),
      carry(
        third,
        stepSucceeded(3, 'steps[0]'),
        event(4, 'RUN_CONTINUED', { reason: 'suggested', previous: second }),
      ),
      carry(third, event(5, 'RUN_SUCCEEDED', { result: { z: 1, a: 2 } })),
    ],
  },
  {
    name: 'whose ledger knows what its log does not',
    carried: [carry(first, runStartedAs(of, 'a'), stepStarted(2, 'steps[0]', 'k'))],
    beside: async (projections) => {
      const use = invocation('k');
      await projections.beginAction(of, [], use, lease('w1'));
      await projections.finishAction(of, use, {
        outcome: { status: 'SUCCEEDED', output: { ok: 1 }, artifacts: [] },
        writes: [],
        holder: 'w1',
      });
    },
  },
];

onEveryDatabase(
  'A run',
  (host) => {
    describe.each(STORIES)('$name', ({ carried, beside }) => {
      const make = async () => {
        const projections = await host.open();
        for (const { execution: under, events } of carried) await projections.commitEvents(under, events);
        await beside?.(projections);
        // Another run of the tenant must stay as it is.
        const other = execution({ runId: uuid7(3_000_900) });
        await projections.commitEvents(other, [runStartedAs(other)]);
        return projections;
      };

      it('a rebuild changes nothing', async () => {
        const projections = await make();
        const before = await tables(projections);
        expect(await projections.maintenance.rebuildRun(of.run.tenant, of.run.runId)).toEqual([]);
        expect(await tables(projections)).toEqual(before);
      });

      it('a rebuild restores every row from the log, and returns those that were different', async () => {
        const projections = await make();
        const before = await tables(projections);
        await clear(projections, DERIVED);
        const runs = await projections.maintenance.loggedRuns();
        expect(runs.map(({ runId }) => runId).sort()).toEqual([of.run.runId, uuid7(3_000_900)]);
        const different = [];
        for (const { tenant, runId } of runs) {
          different.push(...(await projections.maintenance.rebuildRun(tenant, runId)));
        }
        expect(await tables(projections)).toEqual(before);
        expect(new Set(different.map(({ table }) => table))).toContain('run');
        expect(different.every((row) => row.before === undefined && row.after !== undefined)).toBe(true);
      });

      it('a rebuild restores the lists that the run is missing from', async () => {
        const projections = await make();
        const before = await tables(projections);
        await clear(projections, ['run_list', 'open_wait']);
        for (const { tenant, runId } of await projections.maintenance.loggedRuns()) {
          await projections.maintenance.rebuildRun(tenant, runId);
        }
        expect(await tables(projections)).toEqual(before);
      });

      it('the inputs of its activities restore a run whose log is gone too', async () => {
        const projections = await make();
        const before = await tables(projections);
        const key = `[$tenant, $runId]..[$tenant, $runId, ..]`;
        await projections.database.request(
          [...DERIVED.slice(0, 2), 'step', 'wait', ...LOG].map((table) => `DELETE ${table}:${key}`).join(';'),
          { ...of.run },
        );
        await projections.database.request(
          `DELETE type::record('run', $key); DELETE type::record('run_head', $key)`,
          {
            key: [of.run.tenant, of.run.runId],
          },
        );
        expect((await projections.reads.listEvents(of.run.tenant, of.run.runId)).items).toEqual([]);
        // As from histories: executions in any order, and each event as often as it was carried.
        const given = [...carried, ...carried].reverse();
        const different = await projections.maintenance.restoreRun(given);
        expect(await tables(projections, ['execution_first'])).toEqual(
          Object.fromEntries(
            Object.entries(before).map(([table, rows]) => [
              table,
              rows.map((row) =>
                Object.fromEntries(
                  Object.entries(row as object).filter(([column]) => column !== 'execution_first'),
                ),
              ),
            ]),
          ),
        );
        expect(different.map(({ table }) => table)).toContain('run');
        expect(await projections.maintenance.restoreRun(given)).toEqual([]);
      });
    });

    it('a restore from the events of several runs is refused', async () => {
      const projections = await host.open();
      const other = execution();
      await expect(
        projections.maintenance.restoreRun([
          carry(first, runStartedAs(of, 'a')),
          { execution: other, events: [runStarted()] },
        ]),
      ).rejects.toMatchObject({ code: 'INPUT_INVALID' });
      await expect(projections.maintenance.restoreRun([])).rejects.toMatchObject({
        code: 'WORKFLOW_NOT_FOUND',
      });
      await expect(projections.maintenance.rebuildRun('acme', 'none')).rejects.toMatchObject({
        code: 'WORKFLOW_NOT_FOUND',
      });
    });
  },
  ['surrealkv', 'server'],
);
