/** Business calendars of a tenant, as people have put them. */
import { z } from 'zod';
import type { Calendar } from '../../contracts/calendar/calendar.js';
import type { CalendarSummary, CalendarView } from '../../contracts/calendar/pinned.js';
import { pageLimit, toPage, type Page, type PageRequest } from '../connection/page.js';
import type { Database } from '../connection/connection.js';
import { readReadable } from '../connection/read.js';

const Row = z.object({ version: z.number(), document: z.string(), at: z.date(), by: z.string() });
const Summary = Row.omit({ document: true }).extend({ name: z.string() });

/**
 * The newest version; undefined: the tenant has no such calendar.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function getCalendar(
  database: Database,
  tenant: string,
  name: string,
): Promise<CalendarView | undefined> {
  const [row] = await readReadable(
    database,
    Row,
    `SELECT id, id[2] AS version, document, at, by FROM calendar:[$tenant, $name]..[$tenant, $name, ..] ORDER BY id DESC LIMIT 1`,
    { tenant, name },
  );
  if (row === undefined) return undefined;
  const { version, document, at, by } = row;
  return { name, version, calendar: JSON.parse(document) as Calendar, at: at.toISOString(), by };
}

/** A page of the newest versions, by name. @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function listCalendars(
  database: Database,
  tenant: string,
  page: PageRequest = {},
): Promise<Page<CalendarSummary>> {
  const limit = pageLimit(page);
  const names = await readReadable(
    database,
    z.object({ name: z.string(), version: z.number() }),
    `SELECT id[1] AS name, math::max(id[2]) AS version FROM type::record('calendar', $above>..[$tenant, ..]) GROUP BY name ORDER BY name LIMIT $limit`,
    {
      tenant,
      above: [tenant, ...(page.after === undefined ? [] : [page.after, Number.MAX_SAFE_INTEGER])],
      limit: limit + 1,
    },
  );
  const shown = toPage(
    names,
    limit,
    ({ name }) => name,
    (one) => one,
  );
  const items: CalendarSummary[] = [];
  for (const { name, version } of shown.items) {
    const [row] = await readReadable(
      database,
      Summary,
      `SELECT id AS record, id[1] AS name, id[2] AS version, at, by FROM calendar:[$tenant, $name, $version]`,
      { tenant, name, version },
    );
    if (row !== undefined) items.push({ ...row, at: row.at.toISOString() });
  }
  return { items, next: shown.next };
}
