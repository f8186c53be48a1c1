/** Which events are live: every order in which executions may have sent theirs. */
import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../../../contracts/run/run-events.js';
import { orderExecutions, partLog, type LoggedEvent } from '../../../projections/log/live-log.js';
import { event, START_MS, uuid7 } from '../support/runs.js';

const FIRST = uuid7(0);
const MADE = START_MS;

const logged = (executionId: string, ...events: RunEvent[]): LoggedEvent[] =>
  events.map((one) => ({ executionId, event: one }));

/** An event authored so many ms after the first execution was made. */
const at = (ms: number, seq: number, state = 's'): RunEvent => ({
  ...event(seq, 'STATE_SET', { state }),
  at: MADE + ms,
});

function part(log: readonly LoggedEvent[]): { live: string[]; superseded: string[] } {
  const ids = [...new Set(log.map(({ executionId }) => executionId))];
  const order = orderExecutions(
    ids.map((id, i) => ({ id, seenAt: MADE + i })),
    log,
  );
  const { live, superseded } = partLog(log, order);
  const names = (events: readonly LoggedEvent[]) =>
    events.map((one) => `${one.event.seq}${ids.indexOf(one.executionId) === 0 ? 'a' : 'b'}`).sort();
  return { live: names(live), superseded: names(superseded) };
}

describe('an execution that continues another as new', () => {
  const NEXT = '7fc3d588-746f-4b46-bac7-67dc8dec7a94';
  const continued = {
    ...event(5, 'RUN_CONTINUED', { reason: 'history', previous: FIRST }),
    at: MADE + 50,
  } as RunEvent;

  it('supersedes nothing with what it sends again, though later events were acknowledged', () => {
    const log = [
      ...logged(FIRST, at(1, 1), at(2, 2), at(3, 3), at(4, 4)),
      ...logged(NEXT, at(2, 2), continued, at(60, 6)),
    ];
    expect(part(log)).toEqual({ live: ['1a', '2a', '3a', '4a', '5b', '6b'], superseded: ['2b'] });
  });

  it('has what the one before it never committed', () => {
    const log = [...logged(FIRST, at(1, 1), at(3, 3), at(4, 4)), ...logged(NEXT, at(2, 2), continued)];
    expect(part(log)).toEqual({ live: ['1a', '2b', '3a', '4a', '5b'], superseded: [] });
  });
});

describe('a reset execution', () => {
  const RESET = uuid7(100);

  it('supersedes from its own first event on, not from what it sends again', () => {
    const log = [
      ...logged(FIRST, at(1, 1), at(2, 2), at(3, 3), at(40, 4, 'old'), at(50, 5, 'old')),
      ...logged(RESET, at(2, 2), at(140, 4, 'new')),
    ];
    expect(part(log)).toEqual({ live: ['1a', '2a', '3a', '4b'], superseded: ['2b', '4a', '5a'] });
  });

  it('has what the one before it never committed', () => {
    const log = [...logged(FIRST, at(1, 1), at(3, 3)), ...logged(RESET, at(2, 2))];
    expect(part(log)).toEqual({ live: ['1a', '2b', '3a'], superseded: [] });
  });

  it('wins where the clocks of two hosts disagree', () => {
    const log = [...logged(FIRST, at(1, 1), at(2, 2, 'old')), ...logged(RESET, at(2, 2, 'new'))];
    expect(part(log)).toEqual({ live: ['1a', '2b'], superseded: ['2a'] });
  });

  it('is told from what it sends again by content where its id has no time', () => {
    const log = [
      ...logged(FIRST, at(1, 1), at(2, 2), at(3, 3, 'old')),
      ...logged('7fc3d588-746f-4b46-bac7-67dc8dec7a94', at(1, 1), at(2, 2), at(140, 3, 'new')),
    ];
    expect(part(log)).toEqual({ live: ['1a', '2a', '3b'], superseded: ['1b', '2b', '3a'] });
  });
});
