/** The log of a run, in order of `seq`. It includes superseded events only on request. */
import { z } from 'zod';
import type { RunEvent } from '../../../contracts/run/run-events.js';
import type { Database } from '../../connection/connection.js';
import { EVENT_SELECT, EventColumns, parseEvents } from '../../log/load-log.js';
import { read } from '../../connection/read.js';
import { numberCursor, pageLimit, type Page, type PageRequest } from '../../connection/page.js';

/** An event, and the Temporal run id under which it was committed. */
export type EventView = RunEvent & { readonly executionId: string; readonly superseded: boolean };

/** The statement of a page. Keys are in order of `seq`, so a page is a range of keys. */
const LIST_EVENTS = `SELECT ${EVENT_SELECT} FROM type::record('run_event',
  [$tenant, $runId, $seq, $execution]>..[$tenant, $runId, ..]) WHERE superseded = NONE OR $superseded LIMIT $limit`;

/** @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function listEvents(
  database: Database,
  tenant: string,
  runId: string,
  page: PageRequest & { readonly superseded?: boolean | undefined } = {},
): Promise<Page<EventView>> {
  const limit = pageLimit(page);
  const [seq, execution] = parseCursor(page.after);
  const rows = await read(database, z.array(EventColumns), LIST_EVENTS, {
    tenant,
    runId,
    seq,
    execution,
    superseded: page.superseded ?? false,
    limit: limit + 1,
  });
  const shown = await parseEvents(database, { tenant, runId }, rows.slice(0, limit));
  const last = shown.at(-1);
  return {
    items: shown.map(({ event, executionId, superseded }) => ({ ...event, executionId, superseded })),
    next: rows.length > limit && last !== undefined ? `${last.event.seq}:${last.executionId}` : null,
  };
}

/** `SEQ` or `SEQ:EXECUTION`; a number alone goes on after every event with that `seq`. */
function parseCursor(after: string | undefined): readonly [number, string] {
  if (after === undefined) return [0, ''];
  const [seq = '0', execution = '\u{10ffff}'] = after.split(/:(.*)/s);
  return [numberCursor(seq), execution];
}
