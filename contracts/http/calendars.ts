/** Business calendars as the API shows them. */
import { z } from 'zod';
import { Calendar } from '../calendar/calendar.js';
import { CalendarName } from '../calendar/pinned.js';

const summary = {
  name: CalendarName,
  version: z.number().int(),
  at: z.iso.datetime().meta({ description: 'When the version was put.' }),
  by: z.string().meta({ description: 'Who put it.' }),
};

export const ApiCalendarSummary = z.object(summary).meta({ id: 'CalendarSummary' });

export const ApiCalendar = z
  .object({ ...summary, calendar: Calendar.meta({ id: 'BusinessCalendar' }) })
  .meta({ id: 'Calendar' });
