/** Deadlines by a business calendar, over a weekend, a holiday and a change of the clock. */
import { describe, expect, it } from 'vitest';
import { PinnedCalendar } from '../../../contracts/calendar/pinned.js';
import { TaskAct, type Actor } from '../../../contracts/tasks/act.js';
import { beginTask, decide } from '../../../contracts/tasks/decide.js';
import { TaskRequest, TaskState } from '../../../contracts/tasks/task.js';
import { nextDeadline, passTime } from '../../../contracts/tasks/time.js';

const HOUR = 3_600_000;
const at = (text: string): number => Date.parse(text);
const hours = [{ from: '09:00', to: '17:00' }];
/** Paris in 2027: summer time begins on 28 March and ends on 31 October, at 01:00 UTC. */
const office = PinnedCalendar.parse({
  ...{ name: 'office', version: 1 },
  calendar: {
    week: { mon: hours, tue: hours, wed: hours, thu: hours, fri: hours },
    days: [{ date: '2027-03-29', hours: [] }],
  },
  offsets: [
    [at('2027-01-01T00:00:00Z'), HOUR],
    [at('2027-03-28T01:00:00Z'), 2 * HOUR],
    [at('2027-10-31T01:00:00Z'), HOUR],
  ],
});
const request = (more: object): TaskRequest =>
  TaskRequest.parse({
    ...{ tenant: 'acme', item: 'i', title: 'Look', requestedBy: 'rita', calendar: 'office', ...more },
  });
const begun = (from: string, more: object): TaskState => beginTask(request(more), at(from), office).state;
const dueOf = ({ due }: TaskState): string => new Date(due ?? 0).toISOString();

describe('a deadline by a calendar', () => {
  it.each([
    // Friday 15:00; the weekend, a change of the clock and a holiday on Monday: Tuesday 11:00 in summer time.
    ['2027-03-26T14:00:00Z', { dueMs: 4 * HOUR }, '2027-03-30T09:00:00.000Z'],
    // The same in autumn: Friday 15:00 in summer time, Monday 11:00 in winter time.
    ['2027-10-29T13:00:00Z', { dueMs: 4 * HOUR }, '2027-11-01T10:00:00.000Z'],
    // Two working days from Friday: Tuesday is the first, Wednesday the second.
    ['2027-03-26T14:00:00Z', { dueDays: 2 }, '2027-03-31T13:00:00.000Z'],
    ['2027-03-26T14:00:00Z', { dueDays: 1, dueMs: 3 * HOUR }, '2027-03-31T08:00:00.000Z'],
    // At night: it begins in the morning.
    ['2027-06-01T22:00:00Z', { dueMs: HOUR }, '2027-06-02T08:00:00.000Z'],
  ])('a task of %s with %j is due at %s', (from, more, due) => {
    expect(dueOf(begun(from, more))).toBe(due);
  });

  it('the warning comes a working time before it, and each level has its time', () => {
    const levels = [{ assignee: { role: 'boss' }, dueDays: 1 }, { assignee: { role: 'ceo' } }];
    const state = begun('2027-03-26T14:00:00Z', {
      ...{ dueMs: 4 * HOUR, warnBeforeMs: 3 * HOUR, onDue: { levels, end: { kind: 'stay' } } },
    });
    // Friday 16:00.
    expect(nextDeadline(state)).toEqual({ kind: 'warn', at: at('2027-03-26T15:00:00Z') });
    const warned = passTime(state, at('2027-03-26T15:00:00Z'))?.state;
    expect(warned?.warned).toBe(true);
    const up = passTime(warned ?? state, at('2027-03-30T09:00:00Z'))?.state;
    expect([up?.level, dueOf(up ?? state)]).toEqual([1, '2027-03-31T09:00:00.000Z']);
    const again = passTime({ ...(up ?? state), warned: true }, at('2027-03-31T09:00:00Z'))?.state;
    // The level has no time: that of the task counts.
    expect([again?.level, dueOf(again ?? state)]).toEqual([2, '2027-03-31T13:00:00.000Z']);
  });

  it('each turn counts by the calendar of the beginning', () => {
    const state = begun('2027-03-26T14:00:00Z', { dueMs: 4 * HOUR });
    const actor: Actor = { account: 'anna', roles: [], proven: true };
    const act = TaskAct.parse({ requestId: 'r', action: 'request_change', actor: 'anna', reason: 'why' });
    const changes = decide(state, act, actor, at('2027-04-02T14:30:00Z'));
    if ('refused' in changes) throw new Error(changes.message);
    // Friday 16:30; Monday 12:30.
    expect(dueOf(changes.state)).toBe('2027-04-05T10:30:00.000Z');
    expect(changes.state.calendar).toEqual(office);
  });

  it('a calendar without so much work in ten years has an end all the same', () => {
    const [day] = ['2027-06-01'];
    const rare = {
      ...office,
      calendar: { week: {}, days: [{ date: day ?? '', hours: [{ from: '09:00', to: '10:00' }] }] },
    };
    const { state } = beginTask(request({ dueMs: 2 * HOUR }), at('2027-03-26T14:00:00Z'), rare);
    expect(state.due).toBe(at('2027-03-26T14:00:00Z') + 3_660 * 24 * HOUR);
  });

  it('working days need a calendar, and a state without one says nothing of it', () => {
    expect(TaskRequest.safeParse({ ...request({ dueDays: 2 }), calendar: undefined }).success).toBe(false);
    const { state } = beginTask(request({ dueMs: HOUR }), 0);
    expect(state.due).toBe(HOUR);
    expect(Object.keys(TaskState.parse(state))).not.toContain('calendar');
  });
});
