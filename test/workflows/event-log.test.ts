/**
 * The run's log against a replay that saw more signals than the worker did. The server does this where a
 * workflow task fails while signals come in, about once in twenty floods; here each case is exact.
 */
import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../../contracts/run/run-events.js';
import { signalPrints } from '../../contracts/run/signal-prints.js';
import { EventLog } from '../../workflows/interpreter/events/event-log.js';
import type { RunState } from '../../workflows/interpreter/state/state.js';

const state = (): RunState => ({ seq: 0, wave: 0, pending: [] }) as unknown as RunState;
const received = (log: EventLog, eventId: string): void =>
  log.emit('EVENT_RECEIVED', { eventId, source: 's', eventName: 'N', correlationKey: null });
const short = (events: readonly RunEvent[]): string[] =>
  events.map(({ seq, type, data }) => `${seq} ${'eventId' in data ? data.eventId : type}`);

/** What a carrier commits of a run that got these events, then its first wait. */
function carried(...ids: string[]): { run: RunState; log: EventLog } {
  const run = state();
  const log = new EventLog(run);
  for (const id of ids) received(log, id);
  log.emit('RUN_WAITING', {});
  return { run, log };
}

describe('the log of a run', () => {
  it('an event that a replay saw before its carrier did is committed later, behind what history holds', () => {
    const history = carried('a', 'b').log.take().events;
    const { run, log } = carried('a', 'b', 'c', 'd');
    const batch = log.take();
    received(log, 'e');
    log.settle(batch, true, signalPrints(history));
    expect(short(log.unacknowledged())).toEqual(['4 c', '5 d', '6 e']);
    expect(run.seq).toBe(6);
    expect(short(log.take().events)).toEqual(['4 c', '5 d', '6 e']);
  });

  it('a carrier without any event of a signal commits none of those that the replay attached', () => {
    const history = carried().log.take().events;
    const { log } = carried('a');
    log.settle(log.take(), true, signalPrints(history));
    expect(short(log.take().events)).toEqual(['2 a']);
  });

  it('an event that the replay attached to one carrier and history to the next is committed once', () => {
    const { log } = carried('a', 'b');
    const first = log.take();
    log.emit('RUN_RESUMED', {});
    const second = log.take();
    log.settle(second, true, signalPrints(first.events.filter(({ seq }) => seq === 2)));
    log.settle(first, true, signalPrints(first.events.filter(({ seq }) => seq === 1)));
    expect(log.isEmpty).toBe(true);
  });

  it('events that another carrier has keep their numbers', () => {
    const history = carried('a').log.take().events;
    const { run, log } = carried('a', 'b');
    const first = log.take();
    log.emit('RUN_RESUMED', {});
    const second = log.take();
    log.settle(first, true, signalPrints(history));
    expect(short(log.unacknowledged())).toEqual(['4 RUN_RESUMED', '5 b']);
    log.settle(second, true, '');
    expect(short(log.take().events)).toEqual(['5 b']);
    expect([run.seq, log.waitingBytes]).toEqual([5, 0]);
  });

  it('without an answer, as older workers gave none, all that was attached is committed', () => {
    const { log } = carried('a', 'b');
    log.settle(log.take(), true);
    expect(log.isEmpty).toBe(true);
  });
});
