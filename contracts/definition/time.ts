/**
 * Durations and instants as authors write them. Publishing a definition and running it read them alike.
 */
import { z } from 'zod';

/** The longest duration of any field, ms: 100 years of 365.25 days. */
export const LONGEST_MS = 3_155_760_000_000;

const DURATION = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:[.,](\d{1,9}))?S)?)?$/;
const UNITS_MS = [604_800_000, 86_400_000, 3_600_000, 60_000, 1_000] as const;

/**
 * Milliseconds of an ISO 8601 duration such as `PT90S`, `P1DT12H` or `P2W`. A day is 24 hours.
 * @returns undefined for any other text: for months and years, which have no fixed length, for negative
 * durations, for a bare `P`, and for more than 100 years
 */
export function durationToMs(text: string): number | undefined {
  const match = DURATION.exec(text);
  if (match === null || !/\d[A-Z]$/.test(text)) return undefined;
  const whole = UNITS_MS.reduce((sum, unit, i) => sum + Number(match[i + 1] ?? 0) * unit, 0);
  const ms = whole + Math.round(Number(`0.${match[6] ?? '0'}`) * 1_000);
  return ms <= LONGEST_MS ? ms : undefined;
}

const Instant = z.iso.datetime({ offset: true });

/**
 * Epoch milliseconds of an ISO 8601 instant with an offset, such as `2026-03-01T09:00:00+01:00`.
 * @returns undefined for any other text; without an offset an instant would depend on the machine's time zone
 */
export function instantToMs(text: string): number | undefined {
  return Instant.safeParse(text).success ? Date.parse(text) : undefined;
}

/** A positive whole number of milliseconds. */
export const Milliseconds = z
  .int('must be a whole number of milliseconds')
  .positive('must be over 0')
  .max(LONGEST_MS, 'may be at most 100 years');

/** The longest time that a worker measures, ms: Node's timers hold 31 bits and fire at once past them. */
const LONGEST_ACTION_MS = 24 * 86_400_000;

/** A positive whole number of milliseconds: the limit of one attempt of an action. */
export const ActionMilliseconds = z
  .int('must be a whole number of milliseconds')
  .positive('must be over 0')
  .max(LONGEST_ACTION_MS, 'may be at most 24 days');
