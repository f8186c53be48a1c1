/** Business calendars: `client.calendars`. */
import {
  PutCalendarRequest,
  PutCalendarResult,
  type CalendarSummary,
  type CalendarView,
} from '../../contracts/calendar/pinned.js';
import { SluiceError } from '../../contracts/errors.js';
import { jsonSize, type Json } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import { WORKFLOW_TYPES } from '../../contracts/run/messages.js';
import type { Page, PageRequest } from '../../projections/index.js';
import { parseOrRefuse, withoutUndefined } from '../connection/input.js';
import { runSystemWorkflow } from '../connection/system-workflow.js';
import { readsOf, type OfTenant, type RunContext } from '../runs/context.js';

/** `client.calendars`. */
export class CalendarClient {
  /** @internal */
  constructor(
    private readonly context: Pick<RunContext, 'temporal' | 'call' | 'tenant' | 'actor' | 'reads'>,
  ) {}

  /**
   * Stores a calendar as a further version, unless the newest is the same. Tasks that have begun keep theirs.
   * @param calendar working hours, differing days, time zone (docs/tasks.md)
   * @throws SluiceError INPUT_INVALID, WORKER_NOT_FOUND, PUBLISH_UNFINISHED
   */
  async put(
    name: string,
    calendar: Json,
    options: OfTenant & { readonly actor?: string | undefined } = {},
  ): Promise<PutCalendarResult> {
    const { temporal, call, tenant, actor } = this.context;
    if (jsonSize(calendar) > LIMITS.calendarBytes * 2) {
      throw new SluiceError('INPUT_INVALID', `A calendar is limited to ${LIMITS.calendarBytes} bytes.`);
    }
    const request = parseOrRefuse(PutCalendarRequest, {
      ...{ tenant, actor, name, calendar },
      ...withoutUndefined(options),
    });
    const type = WORKFLOW_TYPES.putCalendar;
    return PutCalendarResult.parse(
      await runSystemWorkflow(temporal, call, { type, request, tenant: request.tenant }),
    );
  }

  /**
   * A page of the newest versions, by name.
   * @throws SluiceError READS_NOT_CONFIGURED, DATABASE_UNAVAILABLE
   */
  list(
    page: PageRequest = {},
    { tenant = this.context.tenant }: OfTenant = {},
  ): Promise<Page<CalendarSummary>> {
    return readsOf(this.context).listCalendars(tenant, page);
  }

  /**
   * The newest version.
   * @throws SluiceError CALENDAR_NOT_FOUND, READS_NOT_CONFIGURED, DATABASE_UNAVAILABLE
   */
  async get(name: string, { tenant = this.context.tenant }: OfTenant = {}): Promise<CalendarView> {
    const found = await readsOf(this.context).getCalendar(tenant, name);
    if (found !== undefined) return found;
    throw new SluiceError('CALENDAR_NOT_FOUND', `Tenant ${tenant} has no calendar ${name}.`);
  }
}
