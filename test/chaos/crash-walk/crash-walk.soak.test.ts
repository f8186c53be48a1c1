/**
 * The crash walk: a worker process is killed with SIGKILL at each named point, another one continues, and
 * the rows are those of an undisturbed run.
 */
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { StartedRun } from '../../../client/index.js';
import { soakSize } from '../../support/soak.js';
import { acted, outcomeOf } from '../outcome.js';
import { Stack } from '../stack.js';
import type { CrashAt } from './crash-at.js';

/** Ends a run that hangs; a quiet machine needs 40 s. */
const LIMIT_MS = 600_000;
const WORKER = fileURLToPath(new URL('worker.fixture.ts', import.meta.url));

type Point = Omit<CrashAt, 'workflowId'> | 'waits';

const POINTS: Readonly<Record<string, Point>> = {
  'before the first commit': { kind: 'begin', step: 'first', when: 'before' },
  'after an action has acted, before its outcome is committed': {
    kind: 'finish',
    step: 'first',
    when: 'before',
  },
  'after the commit, before its acknowledgement': { kind: 'finish', step: 'first', when: 'after' },
  'between two activities': { kind: 'begin', step: 'second', when: 'before' },
  'during a wait': 'waits',
  'during continue-as-new, before its first commit': {
    kind: 'begin',
    carries: 'RUN_CONTINUED',
    when: 'before',
  },
  'during continue-as-new, after its first commit': {
    kind: 'begin',
    carries: 'RUN_CONTINUED',
    when: 'after',
  },
  'after the last commit, before the run ends': { kind: 'flush', carries: 'RUN_SUCCEEDED', when: 'after' },
};
/** The points of the small setting: one of each kind of loss. */
const SMALL: readonly string[] = [
  'after an action has acted, before its outcome is committed',
  'after the commit, before its acknowledgement',
  'during a wait',
  'during continue-as-new, before its first commit',
];
/** The one point at which the outcome of the action is unknown: it acts again, under the same key. */
const ACTS_AGAIN = 'after an action has acted, before its outcome is committed';
const GO = { eventId: 'go', source: 'test', eventName: 'GO' };

it(
  'each run ends with the rows of an undisturbed run, at every point at which its worker is killed [one-transaction]',
  async () => {
    await Stack.with({ env: { SLUICE_RUN_HISTORY_EVENTS: '50' } }, async (stack) => {
      const names = soakSize<readonly string[]>({ small: SMALL, full: Object.keys(POINTS) });
      const start = (name: string): Promise<StartedRun> =>
        stack.client.start('walk', {}, { workflowId: idOf(name) });
      const workerFor = (name: string | undefined) => {
        const point = name === undefined ? undefined : POINTS[name];
        const crash =
          name !== undefined && typeof point === 'object' ? { ...point, workflowId: idOf(name) } : null;
        return stack.startWorker({ CRASH_AT: JSON.stringify(crash) }, WORKER);
      };

      let worker = await workerFor(names[0]);
      await stack.publish('test/chaos/crash-walk/walk.yaml');
      const undisturbed = await start('undisturbed');
      await stack.client.signalEvent(undisturbed.workflowId, GO);
      const result = await stack.end(undisturbed);
      expect(result).toMatchObject({ from: 'test', seen: [1, 2, 3, 4, 5, 6, 7, 8] });

      const runs: Record<string, StartedRun> = {};
      for (const [i, name] of names.entries()) {
        const run = await start(name);
        runs[name] = run;
        if (POINTS[name] === 'waits') {
          await stack.waits(run, 'wait');
          await worker.kill();
        } else {
          await stack.client.signalEvent(run.workflowId, GO);
          expect(await worker.ended(), `${name}: killed by its own fault point`).toBeNull();
        }
        worker = await workerFor(names[i + 1]);
        if (POINTS[name] === 'waits') await stack.client.signalEvent(run.workflowId, GO);
      }
      await Promise.all(Object.values(runs).map(async (run) => expect(await stack.end(run)).toEqual(result)));

      await stack.rows(worker, async (projections) => {
        const expected = await outcomeOf(projections, undisturbed.runId);
        expect(expected).toMatchObject({ status: 'SUCCEEDED', gaps: { gaps: [], doubled: [] } });
        for (const name of names) {
          const run = runs[name] as StartedRun;
          expect(await outcomeOf(projections, run.runId), name).toEqual(expected);
          const { items } = await projections.reads.listEvents('default', run.runId, { limit: 500 });
          expect(
            items.some(({ type }) => type === 'RUN_CONTINUED'),
            name,
          ).toBe(true);
          const again = Object.values(acted(stack, run)).filter((times) => times > 1);
          expect(again, name).toEqual(name === ACTS_AGAIN ? [2] : []);
        }
        process.stdout.write(`crash walk: ${names.length} points\n`);
      });
    });
  },
  LIMIT_MS,
);

function idOf(name: string): string {
  return `walk-${name.replaceAll(/[^a-z]+/g, '-')}`;
}
