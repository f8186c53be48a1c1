/**
 * Every pair of statuses that events can set, in two commits: the state machines decide which are allowed.
 */
import { describe, expect, it } from 'vitest';
import { RUN_TRANSITIONS, STEP_TRANSITIONS, WAIT_TRANSITIONS } from '../../../contracts/run/run.js';
import type { RunEvent } from '../../../contracts/run/run-events.js';
import { onEveryDatabase } from '../support/databases.js';
import { event, execution, runError, runStarted } from '../support/runs.js';

const at = { path: 'steps[0]' };
const step = { id: 'a', kind: 'action.call' };
const error = runError('BAD');

type Make = (seq: number) => RunEvent;

/** An event that sets each status. The other statuses are set by the reconciler. */
const SETS = {
  run: {
    RUNNING: (seq) => event(seq, 'RUN_RESUMED', {}),
    WAITING: (seq) => event(seq, 'RUN_WAITING', {}),
    SUCCEEDED: (seq) => event(seq, 'RUN_SUCCEEDED', { result: null }),
    FAILED: (seq) => event(seq, 'RUN_FAILED', { error }),
    CANCELED: (seq) => event(seq, 'RUN_CANCELED', {}),
  },
  step: {
    RUNNING: (seq) => event(seq, 'STEP_STARTED', step, at),
    RETRYING: (seq) => event(seq, 'STEP_RETRYING', { ...step, error, nextAt: 0 }, at),
    WAITING: (seq) => event(seq, 'WAIT_OPENED', { kind: 'time' }, at),
    SUCCEEDED: (seq) => event(seq, 'STEP_SUCCEEDED', step, at),
    FAILED: (seq) => event(seq, 'STEP_FAILED', { ...step, error }, at),
    SKIPPED: (seq) => event(seq, 'STEP_SKIPPED', step, at),
    CANCELED: (seq) => event(seq, 'STEP_CANCELED', step, at),
  },
  wait: {
    WAITING: (seq) => event(seq, 'WAIT_OPENED', { kind: 'time' }, at),
    SATISFIED: (seq) => event(seq, 'WAIT_SATISFIED', {}, at),
    TIMED_OUT: (seq) => event(seq, 'WAIT_TIMED_OUT', {}, at),
    CANCELED: (seq) => event(seq, 'WAIT_CANCELED', { reason: 'x' }, at),
  },
} as const satisfies Record<string, Record<string, Make>>;

const TABLES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  run: RUN_TRANSITIONS,
  step: STEP_TRANSITIONS,
  wait: WAIT_TRANSITIONS,
};

interface Pair {
  readonly machine: string;
  readonly from: string;
  readonly to: string;
  readonly legal: boolean;
  readonly events: readonly [RunEvent, RunEvent];
}

const pairs: readonly Pair[] = Object.entries(SETS).flatMap(([machine, sets]) => {
  const makes = Object.entries<Make>(sets);
  return makes.flatMap(([from, first]) =>
    makes.map(([to, second]): Pair => {
      const edges = TABLES[machine] ?? {};
      const open = (edges[from] ?? []).length > 0;
      const afterEnd = machine === 'run' && ['SUCCEEDED', 'FAILED', 'CANCELED'].includes(from);
      // Only a reset leaves a terminal status of a run, and these events are not a reset. An open status
      // may repeat.
      const legal = afterEnd ? false : from === to ? open : (edges[from] ?? []).includes(to);
      return { machine, from, to, legal, events: [first(2), second(3)] };
    }),
  );
});

onEveryDatabase(
  'A status',
  (host) => {
    describe.each(['run', 'step', 'wait'])('of a %s', (machine) => {
      it.each(['in order', 'the later first'])(
        'the status moves along the edges of its state machine only; an error names both states: %s',
        async (order) => {
          const projections = await host.open();
          for (const { from, to, legal, events } of pairs.filter((pair) => pair.machine === machine)) {
            const of = execution();
            const [one, other] = order === 'in order' ? events : [events[1], events[0]];
            await projections.commitEvents(of, [runStarted(), one]);
            const second = projections.commitEvents(of, [other]);
            if (legal) {
              await second;
            } else {
              await expect(second.then(() => `${from} → ${to} was accepted`)).rejects.toMatchObject({
                code: 'TRANSITION_ILLEGAL',
                message: expect.stringMatching(`${from} \\(event 2\\) → ${to} \\(event 3\\)`) as string,
                details: { machine, from, to },
              });
            }
            const { items } = await projections.reads.listEvents(of.run.tenant, of.run.runId);
            expect(items.length, `${from} → ${to}`).toBe(legal ? 3 : 2);
          }
        },
      );
    });
  },
  ['mem', 'server'],
);
