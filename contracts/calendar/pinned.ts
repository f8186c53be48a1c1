/**
 * A calendar as a task keeps it: with the offsets of its zone as data.
 *
 * Invariant: a task computes every deadline from what it has kept. So a calendar that is changed, or zone
 * data of another release, moves no deadline of a task that has begun, and a replay gives the same times.
 */
import { z } from 'zod';
import { JsonValue } from '../json.js';
import { Hours, WEEKDAYS, type Calendar } from './calendar.js';
import type { OffsetAt } from './working-time.js';

/** Name of a calendar in its tenant. */
export const CalendarName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, 'must be 1 to 64 letters, digits, _, - or .');

export const PinnedCalendar = z.object({
  name: CalendarName,
  version: z.number().int().positive(),
  calendar: z.object({
    week: z.partialRecord(z.enum(WEEKDAYS), Hours),
    days: z.array(z.object({ date: z.string(), hours: Hours })),
  }),
  /** From an instant (epoch ms) on the zone's clock is so far ahead of UTC (ms), in order. */
  offsets: z.array(z.tuple([z.number(), z.number()])).min(1),
});
export type PinnedCalendar = z.infer<typeof PinnedCalendar>;

/** Looks an offset up in what was kept; outside of it, that of the nearest entry. */
export function pinnedOffset({ offsets }: Pick<PinnedCalendar, 'offsets'>): OffsetAt {
  return (ms) => (offsets.findLast(([from]) => from <= ms) ?? offsets[0] ?? [0, 0])[1];
}

/** A version of a calendar. */
export interface CalendarView {
  readonly name: string;
  readonly version: number;
  readonly calendar: Calendar;
  /** ISO instant. */
  readonly at: string;
  readonly by: string;
}

/** A calendar in a list. */
export type CalendarSummary = Omit<CalendarView, 'calendar'>;

/** A calendar to store. */
export interface PutCalendar {
  readonly tenant: string;
  readonly name: string;
  readonly calendar: Calendar;
}

/** Argument of the workflow `sluice.putCalendar` and of its activity. */
export const PutCalendarRequest = z.object({
  tenant: z.string(),
  actor: z.string().min(1).max(256),
  name: CalendarName,
  /** Checked by the activity, which knows the zones. */
  calendar: JsonValue,
});
export type PutCalendarRequest = z.infer<typeof PutCalendarRequest>;

export const PutCalendarResult = z.object({
  name: CalendarName,
  version: z.number().int().positive(),
  /** False: the newest version was the same already. */
  created: z.boolean(),
});
export type PutCalendarResult = z.infer<typeof PutCalendarResult>;

/** Argument of `sluice.readCalendar`. */
export const ReadCalendar = z.object({ tenant: z.string(), name: CalendarName });
