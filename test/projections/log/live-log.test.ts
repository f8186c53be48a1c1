/** Which events are live, for every order in which executions may have sent theirs. */
import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../../../contracts/run/run-events.js';
import { orderExecutions, partLog, type LoggedEvent } from '../../../projections/log/live-log.js';
import { event, START_MS, uuid7 } from '../support/runs.js';

const FIRST = uuid7(0);
const CREATED_MS = START_MS;

const logged = (executionId: string, ...events: RunEvent[]): LoggedEvent[] =>
  events.map((authored) => ({ executionId, event: authored }));

/** An event authored `ms` after the first execution was created. */
const at = (ms: number, seq: number, state = 's'): RunEvent => ({
  ...event(seq, 'STATE_SET', { state }),
  at: CREATED_MS + ms,
});

function part(log: readonly LoggedEvent[]): { live: string[]; superseded: string[] } {
  const ids = [...new Set(log.map(({ executionId }) => executionId))];
  const order = orderExecutions(
    ids.map((id, i) => ({ id, seenAt: CREATED_MS + i })),
    log,
  );
  const { live, superseded } = partLog(log, order);
  const names = (events: readonly LoggedEvent[]) =>
    events.map((entry) => `${entry.event.seq}${ids.indexOf(entry.executionId) === 0 ? 'a' : 'b'}`).sort();
  return { live: names(live), superseded: names(superseded) };
}

describe('an execution that continues another as new', () => {
  const NEXT = '7fc3d588-746f-4b46-bac7-67dc8dec7a94';
  const continued = {
    ...event(5, 'RUN_CONTINUED', { reason: 'history', previous: FIRST }),
    at: CREATED_MS + 50,
  } as RunEvent;

  it('events that a continued execution sends again supersede nothing, even if later ones were acknowledged', () => {
    const log = [
      ...logged(FIRST, at(1, 1), at(2, 2), at(3, 3), at(4, 4)),
      ...logged(NEXT, at(2, 2), continued, at(60, 6)),
    ];
    expect(part(log)).toEqual({ live: ['1a', '2a', '3a', '4a', '5b', '6b'], superseded: ['2b'] });
  });

  it('a continued execution brings the events that its predecessor never committed', () => {
    const log = [...logged(FIRST, at(1, 1), at(3, 3), at(4, 4)), ...logged(NEXT, at(2, 2), continued)];
    expect(part(log)).toEqual({ live: ['1a', '2b', '3a', '4a', '5b'], superseded: [] });
  });
});

describe('a reset execution', () => {
  const RESET = uuid7(100);

  it('a reset execution supersedes from the first event that it authored, not from those it sends again', () => {
    const log = [
      ...logged(FIRST, at(1, 1), at(2, 2), at(3, 3), at(40, 4, 'old'), at(50, 5, 'old')),
      ...logged(RESET, at(2, 2), at(140, 4, 'new')),
    ];
    expect(part(log)).toEqual({ live: ['1a', '2a', '3a', '4b'], superseded: ['2b', '4a', '5a'] });
  });

  it('a reset execution brings the events that its predecessor never committed', () => {
    const log = [...logged(FIRST, at(1, 1), at(3, 3)), ...logged(RESET, at(2, 2))];
    expect(part(log)).toEqual({ live: ['1a', '2b', '3a'], superseded: [] });
  });

  it('a reset execution wins where the clocks of two hosts disagree', () => {
    const log = [...logged(FIRST, at(1, 1), at(2, 2, 'old')), ...logged(RESET, at(2, 2, 'new'))];
    expect(part(log)).toEqual({ live: ['1a', '2b'], superseded: ['2a'] });
  });

  it('new events of a reset execution are recognized by content where its id has no time', () => {
    const log = [
      ...logged(FIRST, at(1, 1), at(2, 2), at(3, 3, 'old')),
      ...logged('7fc3d588-746f-4b46-bac7-67dc8dec7a94', at(1, 1), at(2, 2), at(140, 3, 'new')),
    ];
    expect(part(log)).toEqual({ live: ['1a', '2a', '3b'], superseded: ['1b', '2b', '3a'] });
  });
});
