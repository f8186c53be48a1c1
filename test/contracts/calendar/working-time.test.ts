import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Calendar, clockMinutes, WEEKDAYS } from '../../../contracts/calendar/calendar.js';
import {
  addWorking,
  subtractWorking,
  workingBetween,
  workingDuration,
} from '../../../contracts/calendar/working-time.js';
import { offsetMs } from '../../../expressions/dates/zones.js';

const MINUTE = 60_000;
const office = [
  { from: '09:00', to: '12:00' },
  { from: '13:00', to: '17:00' },
];
const week = { mon: office, tue: office, wed: office, thu: office, fri: office };

function calendarOf(timeZone: string, rest: object = {}): Calendar {
  return Calendar.parse({ timeZone, week, ...rest });
}

function due(calendar: Calendar, from: string, duration: string): string | undefined {
  const at = addWorking(calendar, Date.parse(from), workingDuration(duration)!, (ms) =>
    offsetMs(ms, calendar.timeZone),
  );
  return at === undefined ? undefined : new Date(at).toISOString();
}

const berlin = calendarOf('Europe/Berlin', {
  days: [
    { date: '2026-04-03', name: 'Good Friday' },
    { date: '2026-04-06', name: 'Easter Monday' },
    { date: '2026-12-24', hours: [{ from: '09:00', to: '12:00' }] },
  ],
});

describe('working time over what interrupts it', () => {
  it.each([
    ['a lunch break', '2026-03-02T09:30:00Z', 'PT4H', '2026-03-02T14:30:00.000Z'],
    ['a night', '2026-03-02T15:00:00Z', 'PT4H', '2026-03-03T11:00:00.000Z'],
    ['a weekend', '2026-03-06T14:00:00Z', 'PT4H', '2026-03-09T10:00:00.000Z'],
    ['a weekend and the change to summer time', '2026-03-27T14:00:00Z', 'PT4H', '2026-03-30T09:00:00.000Z'],
    ['a weekend and the change to winter time', '2026-10-23T13:00:00Z', 'PT4H', '2026-10-26T10:00:00.000Z'],
    ['Easter with both holidays', '2026-04-02T13:00:00Z', 'PT4H', '2026-04-07T09:00:00.000Z'],
    ['a short day', '2026-12-24T10:30:00Z', 'PT1H', '2026-12-25T08:30:00.000Z'],
    ['nothing, up to the end of the day', '2026-03-02T08:00:00Z', 'PT7H', '2026-03-02T16:00:00.000Z'],
    ['a begin on Sunday', '2026-03-08T08:00:00Z', 'PT30M', '2026-03-09T08:30:00.000Z'],
    ['a begin at the end of work', '2026-03-06T16:00:00Z', 'PT0S', '2026-03-09T08:00:00.000Z'],
    ['one working day from Friday', '2026-03-27T10:00:00Z', 'P1D', '2026-03-30T09:00:00.000Z'],
    ['two days and hours over Easter', '2026-04-02T13:00:00Z', 'P2DT3H', '2026-04-09T08:00:00.000Z'],
  ])('working time over %s', (_what, from, duration, expected) => {
    expect(due(berlin, from, duration)).toBe(expected);
  });

  it('an hour that the clock skips holds no work, and one that it repeats holds two', () => {
    const night = Calendar.parse({
      timeZone: 'Europe/Berlin',
      week: { sun: [{ from: '00:00', to: '06:00' }] },
    });
    const hours = (from: string) =>
      workingBetween(night, Date.parse(from), Date.parse(from) + 86_400_000, (ms) =>
        offsetMs(ms, 'Europe/Berlin'),
      )! / 3_600_000;
    expect(hours('2026-03-28T23:00:00Z')).toBe(5);
    expect(hours('2026-10-24T22:00:00Z')).toBe(7);
    expect(hours('2026-06-06T22:00:00Z')).toBe(6);
  });

  it('a calendar whose hours are all taken by holidays gives no end instead of a search without end', () => {
    const days = Array.from({ length: 2_000 }, (_, i) => ({
      date: new Date(Date.UTC(2026, 0, 4 + 7 * i)).toISOString().slice(0, 10),
    }));
    const sundays = Calendar.parse({
      timeZone: 'UTC',
      week: { sun: [{ from: '09:00', to: '10:00' }] },
      days,
    });
    expect(due(sundays, '2026-01-01T00:00:00Z', 'PT1H')).toBeUndefined();
  });
});

/** What a person with a clock would do: look at each minute. */
function isWorking(calendar: Calendar, at: number): boolean {
  const local = new Date(at + offsetMs(at, calendar.timeZone));
  const date = local.toISOString().slice(0, 10);
  const hours =
    calendar.days.find((day) => day.date === date)?.hours ??
    calendar.week[WEEKDAYS[local.getUTCDay()]!] ??
    [];
  const minute = local.getUTCHours() * 60 + local.getUTCMinutes();
  return hours.some(({ from, to }) => clockMinutes(from) <= minute && minute < clockMinutes(to));
}

/** Stretches of a day from distinct sorted quarters of an hour. */
const hoursOf = fc
  .uniqueArray(fc.integer({ min: 0, max: 96 }), { minLength: 2, maxLength: 8 })
  .map((quarters) => {
    const sorted = quarters.toSorted((a, b) => a - b);
    const clock = (quarter: number) =>
      `${String(Math.floor(quarter / 4)).padStart(2, '0')}:${String((quarter % 4) * 15).padStart(2, '0')}`;
    return sorted
      .slice(0, -1)
      .map((from, i) => ({ from: clock(from), to: clock(sorted[i + 1]!) }))
      .filter((_, i) => i % 2 === 0 || sorted.length > 4);
  });

describe('working time against a person who counts minutes', () => {
  it('gives the minute that counting gives, in zones whose clocks change', () => {
    const cases = fc.record({
      timeZone: fc.constantFrom('Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata'),
      // Days around the changes of 2026 in these zones.
      date: fc.constantFrom(
        '2026-03-07',
        '2026-03-28',
        '2026-04-04',
        '2026-10-03',
        '2026-10-24',
        '2026-10-31',
      ),
      hours: hoursOf,
      holiday: fc.boolean(),
      begin: fc.integer({ min: 0, max: 2_000 }),
      minutes: fc.integer({ min: 1, max: 900 }),
    });
    fc.assert(
      fc.property(cases, ({ timeZone, date, hours, holiday, begin, minutes }) => {
        const next = new Date(Date.parse(date) + 86_400_000).toISOString().slice(0, 10);
        const calendar = Calendar.parse({
          timeZone,
          week: Object.fromEntries(WEEKDAYS.map((day) => [day, hours])),
          days: holiday ? [{ date: next }] : [],
        });
        const offsetAt = (ms: number) => offsetMs(ms, timeZone);
        const from = Date.parse(`${date}T00:00:00Z`) + begin * MINUTE;
        let [at, left] = [from, minutes];
        while (left > 0) {
          if (isWorking(calendar, at)) left -= 1;
          at += MINUTE;
        }
        const end = addWorking(calendar, from, { days: 0, ms: minutes * MINUTE }, offsetAt);
        expect(end).toBe(at);
        expect(workingBetween(calendar, from, at, offsetAt)).toBe(minutes * MINUTE);
        const back = subtractWorking(calendar, at, minutes * MINUTE, offsetAt)!;
        expect(back).toBeGreaterThanOrEqual(from);
        expect(workingBetween(calendar, back, at, offsetAt)).toBe(minutes * MINUTE);
      }),
      { numRuns: 150 },
    );
  });
});

describe('what a calendar refuses', () => {
  it.each([
    ['an unknown zone', { timeZone: 'Berlin' }, 'must be an IANA time zone'],
    ['an offset as zone', { timeZone: '+02:00' }, 'must be an IANA time zone'],
    ['no hours at all', { week: { mon: [] } }, 'must have working hours on at least one weekday'],
    ['a night in one stretch', { week: { mon: [{ from: '22:00', to: '06:00' }] } }, 'write a night as two'],
    [
      'hours that overlap',
      { week: { mon: [office[0], { from: '11:00', to: '13:00' }] } },
      'must not overlap',
    ],
    ['a date twice', { days: [{ date: '2026-01-01' }, { date: '2026-01-01' }] }, 'must name each date once'],
    ['an unknown weekday', { week: { monday: office } }, 'Unrecognized key'],
  ])('a calendar with %s is refused', (_what, change, message) => {
    const read = Calendar.safeParse({ timeZone: 'Europe/Berlin', week, ...change });
    expect(read.success).toBe(false);
    expect(read.error!.issues.map((issue) => issue.message).join('; ')).toContain(message);
  });

  it.each(['P1W', 'P1M', 'PT1.5H', 'P', 'PT', '-PT1H', '4h'])(
    'a working duration is not written as %s',
    (text) => {
      expect(workingDuration(text)).toBeUndefined();
    },
  );
});
