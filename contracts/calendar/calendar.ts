/**
 * A business calendar as data: the working hours of a week, the days that differ, and a time zone.
 *
 * A calendar belongs to a tenant. It holds no clock: working-time.ts computes with it.
 */
import { z } from 'zod';

/** The days of a week as `Date.getUTCDay` numbers them. */
export const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

/** Stretches of work in a day, and days that differ, that a calendar may name. */
const MAX_STRETCHES = 24;
const MAX_DAYS = 2_000;

const CLOCK = /^(?:([01]\d|2[0-3]):([0-5]\d)|24:00)$/;

/** Minutes since midnight of a clock time such as `09:30`; `24:00` is the end of the day. */
export function clockMinutes(text: string): number {
  return text === '24:00' ? 1_440 : Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
}

const Clock = z.string().regex(CLOCK, 'must be a time such as "09:00", or "24:00" for the end of the day');

const Stretch = z
  .strictObject({ from: Clock, to: Clock })
  .refine(({ from, to }) => clockMinutes(from) < clockMinutes(to), {
    message: 'must end after it begins; write a night as two stretches, the second on the next day',
  });

/** The working hours of one day, in order; an empty list is a day without work. */
export const Hours = z
  .array(Stretch)
  .max(MAX_STRETCHES, `is limited to ${String(MAX_STRETCHES)} stretches`)
  .refine(
    (hours) => hours.every(({ from }, i) => i === 0 || clockMinutes(hours[i - 1]!.to) <= clockMinutes(from)),
    { message: 'must be in order and must not overlap' },
  );

function isZone(text: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: text });
    return /^[A-Za-z]/.test(text);
  } catch {
    return false;
  }
}

export const Calendar = z
  .strictObject({
    /** An IANA time zone, such as `Europe/Berlin`. */
    timeZone: z.string().max(64).refine(isZone, 'must be an IANA time zone, such as "Europe/Berlin"'),
    /** Working hours of each weekday; a day that is left out has none. */
    week: z.partialRecord(z.enum(WEEKDAYS), Hours),
    /** Days that differ: a holiday has no hours, a short day has its own. */
    days: z
      .array(
        z.strictObject({
          date: z.iso.date(),
          name: z.string().max(200).optional(),
          hours: Hours.default([]),
        }),
      )
      .max(MAX_DAYS, `is limited to ${String(MAX_DAYS)} days`)
      .default([])
      .refine((days) => new Set(days.map(({ date }) => date)).size === days.length, {
        message: 'must name each date once',
      }),
  })
  .refine(({ week }) => Object.values(week).some((hours) => hours.length > 0), {
    message: 'must have working hours on at least one weekday',
    path: ['week'],
  });
export type Calendar = z.infer<typeof Calendar>;
