/** Inbound events, newest first. */
import { z } from 'zod';
import type { Database } from '../../connection/connection.js';
import { readRows } from '../../connection/read.js';
import { notAnEnd, pageLimit, toListPage, type Page, type PageRequest } from '../../connection/page.js';
import { InboundRow } from './event-rows.js';

export interface InboundFilter {
  readonly eventName?: string | undefined;
}

/** An inbound event in a list. */
export interface InboundSummary {
  readonly source: string;
  readonly id: string;
  readonly name: string;
  readonly correlationKey: string | null;
  readonly resolvedBy: string;
  readonly via: string;
  /** Null while the event is being routed. */
  readonly outcome: string | null;
  /** ISO instant. */
  readonly receivedAt: string;
  /** Runs that got the event, and runs that it started. */
  readonly runIds: readonly string[];
}

const Place = z.tuple([z.string(), z.string(), z.string()]);
const Row = z.object({ place: Place, event: InboundRow });

const LIST = `SELECT [id[3], id[4], id[5]] AS place, (SELECT * FROM ONLY type::record('inbound_event', [$tenant, $parent.id[4], $parent.id[5]])) AS event
  FROM event_list:[$tenant, $list, $value, $after[0], $after[1], $after[2]]>..[$tenant, $list, $value, ..] LIMIT $limit`;

/**
 * @param page `after` is `next` of the page before
 * @throws SluiceError INPUT_INVALID where `after` is not such a value; DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function listInbound(
  database: Database,
  tenant: string,
  { eventName }: InboundFilter,
  page: PageRequest,
): Promise<Page<InboundSummary>> {
  const limit = pageLimit(page);
  const rows = await readRows(database, Row, LIST, {
    tenant,
    list: eventName === undefined ? 'all' : 'name',
    value: eventName ?? '',
    after: page.after === undefined ? ['', '', ''] : placeOf(page.after),
    limit: limit + 1,
  });
  return toListPage(
    rows,
    limit,
    ({ place }) => Buffer.from(JSON.stringify(place)).toString('base64url'),
    ({ event }) => ({
      source: event.source,
      id: event.event_id,
      name: event.event_name,
      correlationKey: event.correlation_key ?? null,
      resolvedBy: event.resolved_by,
      via: event.via,
      outcome: event.outcome ?? null,
      receivedAt: event.received_at.toISOString(),
      runIds: event.routed_to,
    }),
  );
}

function placeOf(cursor: string): z.infer<typeof Place> {
  try {
    return Place.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
  } catch (error) {
    throw notAnEnd(cursor, error);
  }
}
