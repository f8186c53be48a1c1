import { z } from '@hono/zod-openapi';
import { apiPage } from '../../../contracts/http/api.js';
import { ApiCalendar, ApiCalendarSummary } from '../../../contracts/http/calendars.js';
import { Calendar } from '../../../contracts/calendar/calendar.js';
import { CalendarName, PutCalendarResult } from '../../../contracts/calendar/pinned.js';
import type { Json } from '../../../contracts/json.js';
import { operation, type Api } from '../../http/operation.js';
import { json, pageOf } from '../../views/views.js';
import { PageQuery } from '../../views/parts.js';

const Params = z.strictObject({ calendarName: CalendarName });

/** Business calendars of the tenant. */
export function addCalendarRoutes(api: Api): void {
  const { client } = api.deps;
  operation(
    api,
    {
      method: 'post',
      path: '/v1/calendars/{calendarName}',
      operationId: 'putCalendar',
      tag: 'tasks',
      summary: 'Store a business calendar; the same again changes nothing',
      description:
        'Working hours, days that differ, a time zone. Tasks that have begun keep the version of their beginning.',
      capability: 'publish',
      params: Params,
      body: { schema: Calendar },
      answers: { 200: { description: 'The version from now on', schema: PutCalendarResult } },
      errors: ['WORKER_NOT_FOUND', 'TEMPORAL_UNAVAILABLE', 'OUTCOME_UNKNOWN', 'PUBLISH_UNFINISHED'],
      idempotency: 'none',
    },
    async ({ principal, tenant, concerns, params: { calendarName }, body }) => {
      concerns(`calendar:${calendarName}`);
      const options = { tenant, actor: principal.name };
      return json(await client.calendars.put(calendarName, body as unknown as Json, options));
    },
  );
  operation(
    api,
    {
      method: 'get',
      path: '/v1/calendars',
      operationId: 'listCalendars',
      tag: 'tasks',
      summary: 'List business calendars by name',
      capability: 'read',
      query: PageQuery,
      answers: { 200: { description: 'A page', schema: apiPage(ApiCalendarSummary) } },
    },
    async ({ tenant, query }) =>
      json(pageOf(await client.calendars.list(query, { tenant }), (one) => ({ ...one }))),
  );
  operation(
    api,
    {
      method: 'get',
      path: '/v1/calendars/{calendarName}',
      operationId: 'getCalendar',
      tag: 'tasks',
      summary: 'The newest version of a business calendar',
      capability: 'read',
      params: Params,
      answers: { 200: { description: 'The calendar', schema: ApiCalendar } },
      errors: ['CALENDAR_NOT_FOUND'],
    },
    async ({ tenant, params: { calendarName } }) =>
      json(await client.calendars.get(calendarName, { tenant })),
  );
}
