/**
 * `dateAdd` and `dateDiff`: ISO instants, ISO 8601 durations, IANA zones.
 *
 * Years, months, weeks and days count on the wall clock of the zone (default UTC), then hours, minutes and
 * seconds exactly, as in java.time and in TC39 Temporal. A wall time that the zone skips moves forward by the
 * gap; a repeated one means its first occurrence. The rules of the zones come from the runtime's ICU data.
 */
import { parse, serialize } from 'tinyduration';
import type { Duration } from 'tinyduration';
import { describe, EngineError } from '../budget/engine-error.js';
import { instantMs } from './instant.js';
import { offsetMs } from './zones.js';

const DAY = 86_400_000;
/** Characters of a duration; a longer text is refused. */
const MAX_DURATION = 100;
/** Characters of a value that a message shows. */
const MAX_VALUE = 40;
/** The years 1 to 9999, epoch ms: from (inclusive), to (exclusive). */
const FIRST_MS = -62_135_596_800_000;
const END_MS = 253_402_300_800_000;
const UNITS = { milliseconds: 1, seconds: 1_000, minutes: 60_000, hours: 3_600_000 } as const;
const CALENDAR = ['years', 'months', 'weeks', 'days'] as const;

function zoneOf(zone: unknown, name: string): string {
  if (zone === undefined || zone === null) return 'UTC';
  if (typeof zone !== 'string') {
    throw new EngineError('argument', `${name}: the zone must be an IANA name, not ${describe(zone)}`);
  }
  return zone;
}

/** The wall clock of a zone at an instant, as if it were UTC. */
const wallOf = (ms: number, zone: string): number => ms + offsetMs(ms, zone);

/** The instant at which a zone's wall clock shows that time. */
function instantOf(wall: number, zone: string): number {
  const before = offsetMs(wall - DAY, zone);
  const after = offsetMs(wall + DAY, zone);
  for (const offset of [before, after]) if (offsetMs(wall - offset, zone) === offset) return wall - offset;
  return wall - before;
}

function addCalendar(wall: number, years: number, months: number, days: number): number {
  const date = new Date(wall);
  const month = date.getUTCMonth() + months + years * 12;
  const first = new Date(wall);
  first.setUTCFullYear(date.getUTCFullYear(), month, 1);
  const last = new Date(first.getTime());
  last.setUTCFullYear(first.getUTCFullYear(), first.getUTCMonth() + 1, 0);
  first.setUTCDate(Math.min(date.getUTCDate(), last.getUTCDate()) + days);
  return first.getTime();
}

function durationOf(value: unknown, name: string): Required<Duration> {
  if (typeof value !== 'string') {
    throw new EngineError(
      'argument',
      `${name}: the duration must be ISO 8601 text such as "P1DT2H", not ${describe(value)}`,
    );
  }
  let parsed: Duration;
  try {
    if (value.length > MAX_DURATION) throw new RangeError();
    parsed = parse(value);
  } catch {
    throw new EngineError(
      'argument',
      `${name}: "${value.slice(0, MAX_VALUE)}" is no ISO 8601 duration, such as "P1DT2H"`,
    );
  }
  const duration = {
    negative: false,
    years: 0,
    months: 0,
    weeks: 0,
    days: 0,
    hours: 0,
    minutes: 0,
    seconds: 0,
    ...parsed,
  };
  for (const unit of CALENDAR) {
    if (!Number.isInteger(duration[unit])) {
      throw new EngineError('argument', `${name}: ${unit} must be whole in "${value}"`);
    }
  }
  return duration;
}

function instant(value: unknown, name: string): number {
  if (typeof value !== 'string') {
    throw new EngineError('argument', `${name}: an instant must be text, not ${describe(value)}`);
  }
  const ms = instantMs(value);
  if (ms === undefined) {
    throw new EngineError(
      'argument',
      `${name}: "${value.slice(0, MAX_VALUE)}" is no instant with a full date, time and offset`,
    );
  }
  return ms;
}

function iso(ms: number, name: string): string {
  const date = new Date(ms);
  if (!(date.getTime() >= FIRST_MS && date.getTime() < END_MS)) {
    throw new EngineError('argument', `${name}: the result is outside of the years 1 to 9999`);
  }
  return date.toISOString();
}

function plus(ms: number, duration: Required<Duration>, zone: string): number {
  const sign = duration.negative ? -1 : 1;
  let result = ms;
  const { years, months, weeks, days } = duration;
  if (years || months || weeks || days) {
    result = instantOf(
      addCalendar(wallOf(ms, zone), sign * years, sign * months, sign * (weeks * 7 + days)),
      zone,
    );
  }
  const exact = duration.hours * UNITS.hours + duration.minutes * UNITS.minutes + duration.seconds * 1_000;
  return result + sign * Math.round(exact);
}

/** An instant plus an ISO 8601 duration on the wall clock of `zone`, as an ISO instant in UTC. */
export function dateAdd(instantText: unknown, duration: unknown, zone?: unknown): string | undefined {
  if (instantText === undefined || duration === undefined) return undefined;
  const ms = instant(instantText, 'dateAdd');
  return iso(plus(ms, durationOf(duration, 'dateAdd'), zoneOf(zone, 'dateAdd')), 'dateAdd');
}

/** Whole calendar units from one instant to another, rounded toward zero. */
function wholeUnits(from: number, to: number, unit: (typeof CALENDAR)[number], zone: string): number {
  const sign = to < from ? -1 : 1;
  const per = { years: 365.2425, months: 30.436875, weeks: 7, days: 1 }[unit] * DAY;
  const zero = { negative: false, years: 0, months: 0, weeks: 0, days: 0, hours: 0, minutes: 0, seconds: 0 };
  const fits = (n: number) => sign * (plus(from, { ...zero, negative: sign < 0, [unit]: n }, zone) - to) <= 0;
  let count = Math.max(0, Math.floor(Math.abs(to - from) / per) - 2);
  while (fits(count + 1)) count++;
  return sign * count === 0 ? 0 : sign * count;
}

/**
 * The difference of two instants: an ISO 8601 duration of days and time, for which `dateAdd(from, duration,
 * zone)` is `to`; or, with a unit, a whole number of units.
 */
export function dateDiff(
  fromText: unknown,
  toText: unknown,
  unit?: unknown,
  zone?: unknown,
): string | number | undefined {
  if (fromText === undefined || toText === undefined) return undefined;
  const from = instant(fromText, 'dateDiff');
  const to = instant(toText, 'dateDiff');
  const place = zoneOf(zone, 'dateDiff');
  if (unit === undefined || unit === null) {
    const days = Math.abs(wholeUnits(from, to, 'days', place));
    const negative = to < from;
    const zero = { years: 0, months: 0, weeks: 0, hours: 0, minutes: 0, seconds: 0 };
    const rest = Math.abs(to - plus(from, { ...zero, negative, days }, place));
    const hours = Math.floor(rest / UNITS.hours);
    const minutes = Math.floor((rest % UNITS.hours) / UNITS.minutes);
    return serialize({ negative, days, hours, minutes, seconds: (rest % UNITS.minutes) / 1_000 });
  }
  if (typeof unit === 'string' && unit in UNITS && Object.hasOwn(UNITS, unit)) {
    return Math.trunc((to - from) / UNITS[unit as keyof typeof UNITS]) + 0;
  }
  const calendar = CALENDAR.find((name) => name === unit);
  if (!calendar) {
    throw new EngineError(
      'argument',
      `dateDiff: the unit must be one of ${[...Object.keys(UNITS), 'days', 'weeks', 'months', 'years'].join(', ')}`,
    );
  }
  return wholeUnits(from, to, calendar, place);
}
