/**
 * The audit rows of the events that a run received: the event that started it, and every event that its log
 * says it received, in the order of the log. An event that no bridge has seen (any Temporal client may send
 * one) has no row.
 */
import { z } from 'zod';
import { RecordId } from 'surrealdb';
import type { Json } from '../../../contracts/json.js';
import type { Database } from '../../connection/connection.js';
import { readRows } from '../../connection/read.js';
import { loadJson } from '../../log/texts.js';
import {
  numberCursor,
  pageLimit,
  toListPage,
  viewRows,
  type Page,
  type PageRequest,
} from '../../connection/page.js';
import { iso } from '../runs/run-view.js';
import { InboundRow } from './event-rows.js';

/** An event of a run, as the bridge recorded it. Times are ISO instants. */
export interface RunInboundView {
  /** `seq` of the log line that says so; 1 where the event started the run. */
  readonly seq: number;
  readonly source: string;
  readonly id: string;
  readonly name: string;
  readonly correlationKey: string | null;
  readonly resolvedBy: string;
  readonly tried: readonly string[];
  readonly via: string;
  readonly outcome: string | null;
  readonly error: Json;
  readonly envelope: Json;
  readonly receivedAt: string;
  readonly routedAt: string | null;
}

const Line = z.object({ seq: z.number(), data: z.string() });

const LINES = `SELECT id, id[2] AS seq, data FROM type::record('run_event', [$tenant, $runId, $after, $most]>..[$tenant, $runId, ..])
  WHERE type IN ['RUN_STARTED', 'EVENT_RECEIVED'] AND superseded != true LIMIT $limit`;

const About = z.object({ eventId: z.string(), source: z.string() });
const Started = z.object({ trigger: z.object({ id: z.string(), source: z.string() }) });

/** One page. @throws SluiceError INPUT_INVALID, DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function pageInbound(
  database: Database,
  tenant: string,
  runId: string,
  page: PageRequest = {},
): Promise<Page<RunInboundView>> {
  const limit = pageLimit(page);
  const rows = await readRows(database, Line, LINES, {
    tenant,
    runId,
    after: numberCursor(page.after),
    most: '\u{10ffff}',
    limit: limit + 1,
  });
  const texts = await loadJson(
    database,
    tenant,
    runId,
    rows.map(({ row }) => row?.data),
  );
  const lines = toListPage(
    rows,
    limit,
    ({ seq }) => String(seq),
    ({ seq, data }) => ({ seq, value: texts(data) }),
  );
  const { next } = lines;
  const unreadable = [...(lines.unreadable ?? [])];
  const named = lines.items.flatMap(({ seq, value }) => {
    const received = About.safeParse(value);
    if (received.success) return [{ seq, source: received.data.source, id: received.data.eventId }];
    const started = Started.safeParse(value);
    return started.success ? [{ seq, ...started.data.trigger }] : [];
  });
  if (named.length === 0) return { items: [], next, ...(unreadable.length > 0 && { unreadable }) };
  const inboundRows = await readRows(database, InboundRow, 'SELECT * FROM $ids WHERE event_name != NONE', {
    ids: named.map(({ source, id }) => new RecordId('inbound_event', [tenant, source, id])),
  });
  const decode = await loadJson(
    database,
    tenant,
    'event',
    inboundRows.map(({ row }) => row?.envelope),
  );
  const found = viewRows(inboundRows, (row) => ({
    ...row,
    error: row.error === undefined ? null : (JSON.parse(row.error) as Json),
    envelope: decode(row.envelope) ?? null,
  }));
  unreadable.push(...(found.unreadable.unreadable ?? []));
  const byKey = new Map(found.items.map((row) => [JSON.stringify([row.source, row.event_id]), row]));
  const items = named.flatMap(({ seq, source, id }): RunInboundView[] => {
    const row = byKey.get(JSON.stringify([source, id]));
    if (row === undefined) return [];
    return [
      {
        seq,
        source,
        id,
        name: row.event_name,
        correlationKey: row.correlation_key ?? null,
        resolvedBy: row.resolved_by,
        tried: row.tried,
        via: row.via,
        outcome: row.outcome ?? null,
        error: row.error,
        envelope: row.envelope,
        receivedAt: row.received_at.toISOString(),
        routedAt: iso(row.routed_at),
      },
    ];
  });
  return { items, next, ...(unreadable.length > 0 && { unreadable }) };
}
