/** `sluice.putCalendar` and `sluice.readCalendar`: business calendars, from and to workflows. */
import { Calendar } from '../../contracts/calendar/calendar.js';
import { PutCalendarRequest, ReadCalendar, type PinnedCalendar } from '../../contracts/calendar/pinned.js';
import type { PutCalendarResult } from '../../contracts/calendar/pinned.js';
import { SluiceError } from '../../contracts/errors.js';
import { jsonSize } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import type { ActivityDeps } from '../boundary/deps.js';
import { storeFailure } from '../boundary/failures.js';
import { parseOrRefuse } from '../boundary/parse.js';

const DAY_MS = 86_400_000;
/** Working time is looked for in ten years; a deadline may be set a year after the task began. */
const PINNED_DAYS = 11 * 366;

/**
 * Stores a calendar.
 * @param request a PutCalendarRequest
 * @throws ApplicationFailure INPUT_INVALID; retryable while the database is away
 */
export async function putCalendar(
  { projections }: ActivityDeps,
  request: unknown,
): Promise<PutCalendarResult> {
  const { tenant, actor, name, calendar } = parseOrRefuse(PutCalendarRequest, request, 'The request');
  const parsed = parseOrRefuse(Calendar, calendar, 'The calendar');
  try {
    const bytes = jsonSize(parsed);
    if (bytes > LIMITS.calendarBytes) {
      throw new SluiceError(
        'INPUT_INVALID',
        `A calendar is limited to ${LIMITS.calendarBytes} bytes, this one has ${bytes}`,
      );
    }
    return { name, ...(await projections.putCalendar({ tenant, name, calendar: parsed }, actor)) };
  } catch (error) {
    throw storeFailure(error);
  }
}

/**
 * The newest version of a calendar, for a task to keep: the days from now on, and the offsets of its zone.
 * @param request a ReadCalendar
 * @throws ApplicationFailure CALENDAR_NOT_FOUND; retryable while the database is away
 */
export async function readCalendar(
  { projections }: Pick<ActivityDeps, 'projections'>,
  request: unknown,
): Promise<PinnedCalendar> {
  const { tenant, name } = parseOrRefuse(ReadCalendar, request, 'The request');
  try {
    const found = await projections.findCalendar(tenant, name);
    if (found === undefined) {
      throw new SluiceError('CALENDAR_NOT_FOUND', `Tenant "${tenant}" has no calendar "${name}"`);
    }
    const { timeZone, week, days } = found.calendar;
    const from = Date.now() - DAY_MS;
    const to = from + PINNED_DAYS * DAY_MS;
    const [first, last] = [from - DAY_MS, to].map((ms) => new Date(ms).toISOString().slice(0, 10));
    return {
      ...{ name, version: found.version },
      calendar: {
        week,
        days: days
          .filter(({ date }) => date >= (first ?? '') && date <= (last ?? ''))
          .map(({ date, hours }) => ({ date, hours })),
      },
      offsets: offsetsOf(timeZone, from, to),
    };
  } catch (error) {
    throw storeFailure(error);
  }
}

/** Where the offset of a zone changes between two instants: looked at day by day, then to the millisecond. */
function offsetsOf(timeZone: string, from: number, to: number): [number, number][] {
  const offsetAt = zoneOffset(timeZone);
  const found: [number, number][] = [[from, offsetAt(from)]];
  for (let day = from; day < to; day += DAY_MS) {
    const [old, now] = [offsetAt(day), offsetAt(day + DAY_MS)];
    if (old === now) continue;
    let [before, after] = [day, day + DAY_MS];
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2);
      if (offsetAt(middle) === old) before = middle;
      else after = middle;
    }
    found.push([after, now]);
  }
  return found;
}

function zoneOffset(timeZone: string): (ms: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    ...{ timeZone, hourCycle: 'h23', era: 'short' },
    ...{ year: 'numeric', month: '2-digit', day: '2-digit' },
    ...{ hour: '2-digit', minute: '2-digit', second: '2-digit' },
  });
  return (ms) => {
    const parts = Object.fromEntries(
      format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]),
    );
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(ms / 1_000) * 1_000;
  };
}
