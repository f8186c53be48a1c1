/**
 * Working time: when a number of working hours is over, by a business calendar.
 *
 * Rules
 * - A moment is a working one where its local clock is within a stretch of its local date. So an hour that
 *   the clock skips does not exist, and one that it repeats counts twice.
 * - `P1D` is one working day: the same clock time on the next date that has hours, or the next working moment
 *   after it. How many working days a week has depends on the calendar, so weeks are refused.
 * - Work that begins outside of working hours begins at the next working moment. Work that ends at the
 *   very end of a stretch is over then, and not at the next morning.
 * - The search is bounded: a calendar whose next ten years do not hold the work has no answer.
 *
 * Nothing here reads a clock or a zone: the caller gives the offsets, so that who computes and records the
 * result (an activity) decides which zone data count.
 */
import { clockMinutes, WEEKDAYS, type Calendar as WholeCalendar } from './calendar.js';

/** What of a calendar says when work is done. */
type Calendar = {
  readonly week: WholeCalendar['week'];
  readonly days: readonly Pick<WholeCalendar['days'][number], 'date' | 'hours'>[];
};

/** How far the wall clock of the calendar's zone is ahead of UTC at an instant (epoch ms), in ms. */
export type OffsetAt = (ms: number) => number;

/** A working duration: whole working days, then working time in ms. */
export interface WorkingDuration {
  readonly days: number;
  readonly ms: number;
}

interface Stretch {
  readonly from: number;
  readonly to: number;
}

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** Dates that one search looks at: ten years. */
const MAX_DATES = 3_660;

const WORKING = /^P(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,9})S)?)?$/;

/**
 * Reads a duration of working time such as `PT4H`, `P2D` or `P1DT30M`.
 * @returns undefined for any other text: for weeks, months and years, for fractions, and for a bare `P`
 */
export function workingDuration(text: string): WorkingDuration | undefined {
  const match = WORKING.exec(text);
  if (match === null || !/\d[A-Z]$/.test(text)) return undefined;
  const [days, hours, minutes, seconds] = [1, 2, 3, 4].map((i) => Number(match[i] ?? 0));
  return { days: days!, ms: hours! * 3_600_000 + minutes! * MINUTE_MS + seconds! * 1_000 };
}

/** The offsets around a local date: `old` until the instant `change`, `now` from then on. */
interface Offsets {
  readonly old: number;
  readonly now: number;
  readonly change: number;
}

/** Offsets reach 14 hours, so this much more on both sides covers a local date in every zone. */
const AROUND_MS = 18 * 3_600_000;

function offsetsAround(date: number, offsetAt: OffsetAt): Offsets {
  let [before, after] = [date - AROUND_MS, date + DAY_MS + AROUND_MS];
  const [old, now] = [offsetAt(before), offsetAt(after)];
  if (old === now) return { old, now, change: before };
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (offsetAt(middle) === old) before = middle;
    else after = middle;
  }
  return { old, now, change: after };
}

/** The first instant at which the clock shows a local time; the moment of the change where it is skipped. */
function instantOf(local: number, { old, now, change }: Offsets): number {
  if (local - old < change) return local - old;
  return Math.max(change, local - now);
}

/** A calendar with the offsets of its zone: which stretches a local date has. */
class Days {
  readonly #differing: ReadonlyMap<string, Calendar['days'][number]['hours']>;

  constructor(
    readonly calendar: Calendar,
    readonly offsetAt: OffsetAt,
  ) {
    this.#differing = new Map(calendar.days.map(({ date, hours }) => [date, hours]));
  }

  /** The local date of an instant, as the ms of its midnight read as UTC. */
  dateOf(at: number): number {
    return Math.floor((at + this.offsetAt(at)) / DAY_MS) * DAY_MS;
  }

  /** The stretches of a local date as instants, in order; those that the clock skips are left out. */
  stretches(date: number): readonly Stretch[] {
    const text = new Date(date).toISOString().slice(0, 10);
    const hours =
      this.#differing.get(text) ?? this.calendar.week[WEEKDAYS[new Date(date).getUTCDay()]!] ?? [];
    if (hours.length === 0) return [];
    const { old, now, change } = offsetsAround(date, this.offsetAt);
    return hours
      .flatMap(({ from, to }) => {
        const [begin, end] = [date + clockMinutes(from) * MINUTE_MS, date + clockMinutes(to) * MINUTE_MS];
        return [
          { from: begin - old, to: Math.min(end - old, change) },
          { from: Math.max(begin - now, change), to: end - now },
        ];
      })
      .filter(({ from, to }) => from < to)
      .toSorted((a, b) => a.from - b.from);
  }
}

/** The end of a working time after an instant: see the rules at the head of this file. */
function forward(days: Days, from: number, ms: number): number | undefined {
  let left = ms;
  const first = days.dateOf(from);
  for (let date = first; date < first + MAX_DATES * DAY_MS; date += DAY_MS) {
    for (const stretch of days.stretches(date)) {
      const begin = Math.max(stretch.from, from);
      if (begin >= stretch.to) continue;
      if (left <= stretch.to - begin) return begin + left;
      left -= stretch.to - begin;
    }
  }
  return undefined;
}

/** The same clock time on the n-th working date after the one on which the work begins. */
function daysAhead(days: Days, begin: number, count: number): number | undefined {
  const clock = begin + days.offsetAt(begin) - days.dateOf(begin);
  let left = count;
  const first = days.dateOf(begin);
  for (let date = first + DAY_MS; date < first + MAX_DATES * DAY_MS; date += DAY_MS) {
    if (days.stretches(date).length > 0 && --left === 0) {
      return instantOf(date + clock, offsetsAround(date, days.offsetAt));
    }
  }
  return undefined;
}

/**
 * The instant at which a working time is over.
 * @param from epoch ms of the moment from which it counts
 * @param offsetAt offsets of the calendar's zone
 * @returns epoch ms; undefined where ten years of the calendar do not hold so much work
 */
export function addWorking(
  calendar: Calendar,
  from: number,
  duration: WorkingDuration,
  offsetAt: OffsetAt,
): number | undefined {
  const days = new Days(calendar, offsetAt);
  const begin = forward(days, from, 0);
  if (begin === undefined) return undefined;
  if (duration.days === 0) return forward(days, begin, duration.ms);
  const ahead = daysAhead(days, begin, duration.days);
  return ahead === undefined ? undefined : forward(days, ahead, duration.ms);
}

/**
 * Working time between two instants, ms; 0 where the second is not after the first.
 * @returns undefined where they are more than ten years apart
 */
export function workingBetween(
  calendar: Calendar,
  from: number,
  to: number,
  offsetAt: OffsetAt,
): number | undefined {
  const days = new Days(calendar, offsetAt);
  if (to <= from) return 0;
  if (to - from > MAX_DATES * DAY_MS) return undefined;
  let sum = 0;
  for (let date = days.dateOf(from); date <= days.dateOf(to) + DAY_MS; date += DAY_MS) {
    for (const stretch of days.stretches(date)) {
      sum += Math.max(0, Math.min(stretch.to, to) - Math.max(stretch.from, from));
    }
  }
  return sum;
}

/**
 * The instant that lies a working time before another: when to warn.
 * @param duration working time without days, ms
 * @returns epoch ms; undefined where ten years before it do not hold so much work
 */
export function subtractWorking(
  calendar: Calendar,
  before: number,
  durationMs: number,
  offsetAt: OffsetAt,
): number | undefined {
  const days = new Days(calendar, offsetAt);
  let left = durationMs;
  const last = days.dateOf(before);
  for (let date = last; date > last - MAX_DATES * DAY_MS; date -= DAY_MS) {
    for (const stretch of days.stretches(date).toReversed()) {
      const end = Math.min(stretch.to, before);
      if (end <= stretch.from) continue;
      if (left <= end - stretch.from) return end - left;
      left -= end - stretch.from;
    }
  }
  return undefined;
}
