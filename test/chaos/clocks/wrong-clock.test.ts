/** A worker process whose clock is an hour ahead dies in the middle of an action. */
import { expect, it } from 'vitest';
import { outcomeOf } from '../outcome.js';
import { Stack } from '../stack.js';

const HOUR_MS = 3_600_000;
const clock = (shiftMs: number) => ({
  NODE_OPTIONS: `--import ${new URL('shift-clock.mjs', import.meta.url).href}`,
  CLOCK_SHIFT_MS: String(shiftMs),
});

const DEFINITION = `
id: clocks
version: 1
steps:
  - { id: act, type: action.call, action: test.effect, heartbeatMs: 1500, input: {} }
  - { id: again, type: action.call, action: test.effect, heartbeatMs: 1500, input: {} }
result: done
`;

// With a lease by the worker's own clock, the action stays blocked for the hour, past the test's limit.
it('a run whose worker is killed goes on at once, although the clock of that worker is an hour ahead and that of the next an hour behind', () =>
  Stack.with({}, async (stack) => {
    const ahead = await stack.startWorker(clock(HOUR_MS));
    await stack.client.publishDefinition(DEFINITION);
    stack.effects.hold(({ point }) => point === 'acted');
    const run = await stack.client.start('clocks', {});
    await stack.effects.held(1);
    await ahead.kill();
    stack.effects.releaseAll();
    const behind = await stack.startWorker(clock(-HOUR_MS));
    expect(await stack.end(run)).toBe('done');
    const { gaps, ledger } = await stack.rows(behind, (projections) => outcomeOf(projections, run.runId));
    expect(gaps).toEqual({ gaps: [], doubled: [] });
    expect(ledger).toHaveLength(2);
    // What was under way acts again, under its key.
    const keys = stack.effects.reported.filter(({ point }) => point === 'acts').map(({ key }) => key);
    expect([keys.length, new Set(keys).size]).toEqual([3, 2]);
  }));
