/** The waits of a run for events that opened after a run event, and are still open. */
import { z } from 'zod';
import type { RunHeader } from '../../../contracts/run/activity.js';
import { placeInAudit } from '../../../contracts/run/place.js';
import type { OpenedWait } from '../../../contracts/run/projection.js';
import type { Database } from '../../connection/connection.js';
import { viewRows } from '../../connection/page.js';
import { readRows } from '../../connection/read.js';
import { loadJson } from '../../log/texts.js';

const Row = z.object({
  path: z.string(),
  iteration: z.array(z.number()),
  event_names: z.array(z.string()),
  correlation_key: z.string().optional(),
  since: z.date().optional(),
  filters: z.string().optional(),
});

/** @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function waitsOpenedAfter(
  database: Database,
  { tenant, runId }: Pick<RunHeader, 'tenant' | 'runId'>,
  seq: number,
): Promise<readonly OpenedWait[]> {
  const rows = await readRows(
    database,
    Row,
    `SELECT *, id[2] AS path, id[3] AS iteration FROM wait:[$tenant, $runId]..[$tenant, $runId, ..]
      WHERE status = 'WAITING' AND event_names != NONE AND opened_seq > $seq ORDER BY opened_seq`,
    { tenant, runId, seq },
  );
  const decode = await loadJson(
    database,
    tenant,
    runId,
    rows.map(({ row }) => row?.filters),
  );
  const { items } = viewRows(rows, (row) => ({
    place: placeInAudit(row.path, row.iteration),
    eventNames: row.event_names,
    correlationKey: row.correlation_key ?? null,
    since: row.since?.getTime() ?? 0,
    // A row that only a snapshot has described holds none.
    filters: row.filters === undefined ? null : (decode(row.filters) ?? null),
    full: true,
  }));
  return items;
}
