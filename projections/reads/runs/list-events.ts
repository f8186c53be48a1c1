/** The log of a run, in order of `seq`. It includes superseded events only on request. */
import type { RunEvent } from '../../../contracts/run/run-events.js';
import type { Database } from '../../connection/connection.js';
import { EVENT_SELECT, EventColumns, toStoredEvent } from '../../log/load-log.js';
import { readRows } from '../../connection/read.js';
import { loadJson } from '../../log/texts.js';
import { numberCursor, pageLimit, toListPage, type Page, type PageRequest } from '../../connection/page.js';

/** An event, and the Temporal run id under which it was committed. */
export type EventView = RunEvent & { readonly executionId: string; readonly superseded: boolean };

/** The statement of a page. Keys are in order of `seq`, so a page is a range of keys. */
const LIST_EVENTS = `SELECT id, ${EVENT_SELECT} FROM type::record('run_event',
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
  const rows = await readRows(database, EventColumns, LIST_EVENTS, {
    tenant,
    runId,
    seq,
    execution,
    superseded: page.superseded ?? false,
    limit: limit + 1,
  });
  const texts = rows.map(({ row }) => row?.data);
  const decode = await loadJson(database, tenant, runId, texts);
  return toListPage(
    rows,
    limit,
    (row) => `${row.seq}:${row.execution}`,
    (row) => {
      const { event, executionId, superseded } = toStoredEvent(row, decode);
      return { ...event, executionId, superseded };
    },
  );
}

/** `SEQ` or `SEQ:EXECUTION`; a number alone goes on after every event with that `seq`. */
function parseCursor(after: string | undefined): readonly [number, string] {
  if (after === undefined) return [0, ''];
  const [seq = '0', execution = '\u{10ffff}'] = after.split(/:(.*)/s);
  return [numberCursor(seq), execution];
}
