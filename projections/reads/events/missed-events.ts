/**
 * Events that arrived before a wait for them was registered, and that its run has not been sent, or has
 * returned because its buffer was full.
 *
 * Read them after the registration has committed (writers/events/record-event.ts says why that suffices):
 * an event whose arrival committed before is found here, and an event that commits later finds the wait. The
 * same holds for an event that is returned: see writers/events/return-events.ts.
 *
 * An event whose row cannot be read is passed over: a look-back after the row was corrected finds it.
 */
import { z } from 'zod';
import { decodeEvent } from '../../../contracts/events/event-envelope.js';
import type { RunHeader } from '../../../contracts/run/activity.js';
import type { EventCursor, MissedPage, OpenedWait } from '../../../contracts/run/projection.js';
import type { Database } from '../../connection/connection.js';
import { viewRows } from '../../connection/page.js';
import { readReadable, readRows } from '../../connection/read.js';
import { loadJson } from '../../log/texts.js';
import { keyTexts, type ValueSeal } from '../../values/value-seal.js';
import { receivedLongAgo, type SentEvent } from './run-answers.js';

const Row = z.object({
  source: z.string(),
  event_id: z.string(),
  event_name: z.string(),
  correlation_key: z.string().optional(),
  envelope: z.string(),
  received_at: z.date(),
  sender: z.string().optional(),
});

/** Events of one page: their payloads are in memory at once. */
const PAGE = 16;

// A wait without a key takes what its run had been sent, so only what the run has returned.
const DELIVERY = `type::record('event_delivery', [$tenant, id[4], id[5], $run])`;
const KEYS = `SELECT id AS record, id[3] AS at, id[4] AS source, id[5] AS event_id, ${DELIVERY}.status != NONE AND ${DELIVERY}.returned = NONE AS under_way, ${DELIVERY}.at AS sent_at
  FROM event_by_key:[$tenant, $name, $part, $after[0], $after[1], $after[2]]>..[$tenant, $name, $part, ..]
  WHERE (${DELIVERY}.status ?? 'PENDING') != 'SIGNALED' LIMIT $limit`;

const Key = z.object({
  at: z.number(),
  source: z.string(),
  event_id: z.string(),
  under_way: z.boolean(),
  sent_at: z.date().optional(),
});

/**
 * @param after `next` of the page before
 * @returns each once, the oldest first
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function missedEvents(
  database: Database,
  { tenant, runId }: Pick<RunHeader, 'tenant' | 'runId'>,
  waits: readonly OpenedWait[],
  after?: EventCursor,
): Promise<MissedPage> {
  const found = new Map<string, EventCursor>();
  const underWay = new Map<string, SentEvent>();
  let full = false;
  for (const [name, key, since] of listsOf(waits, database.seal, tenant)) {
    const keys = await readReadable(
      database,
      Key,
      `LET $part = IF $key = NONE { '@' + $run } ELSE { fn::event_key($key) };\n${KEYS}`,
      {
        tenant,
        name,
        key: key ?? undefined,
        run: runId,
        after: after !== undefined && after[0] >= since ? after : [since - 1, '\uffff', ''],
        limit: PAGE,
      },
    );
    full ||= keys.length === PAGE;
    for (const { at, source, event_id: id, under_way, sent_at } of keys) {
      const event = JSON.stringify([source, id]);
      found.set(event, [at, source, id]);
      if (under_way) underWay.set(event, { source, id, at: sent_at ?? new Date(at) });
    }
  }
  const page = [...found.values()].sort(inOrder).slice(0, PAGE);
  if (page.length === 0) return { events: [], next: undefined };
  const sent = page.flatMap(([, source, id]) => underWay.get(JSON.stringify([source, id])) ?? []);
  const received = await receivedLongAgo(database, { tenant, runId }, sent);
  const rows = await readRows(
    database,
    Row,
    `SELECT * FROM $keys.map(|$k| type::record('inbound_event', [$tenant, $k[1], $k[2]]))`,
    { tenant, keys: page },
  );
  const decode = await loadJson(
    database,
    tenant,
    'event',
    rows.map(({ row }) => row?.envelope),
  );
  const { items } = viewRows(rows, (row) => ({ ...row, decoded: decodeEvent(decode(row.envelope)) }));
  const byKey = new Map(items.map((row) => [JSON.stringify([row.source, row.event_id]), row]));
  return {
    events: page.flatMap(([, source, id]) => {
      const key = JSON.stringify([source, id]);
      const row = byKey.get(key);
      if (row === undefined) return [];
      const { decoded } = row;
      return [
        {
          source,
          id,
          name: row.event_name,
          correlationKey: row.correlation_key ?? null,
          payload: decoded.ok ? decoded.event.payload : null,
          receivedAt: row.received_at.toISOString(),
          sender: row.sender,
          underWay: underWay.has(key),
          received: received.has(key),
        },
      ];
    }),
    next: full || found.size > PAGE ? page.at(-1) : undefined,
  };
}

/** The lists in which to look: event name, text of the key, and from when on; each once. */
function listsOf(
  waits: readonly OpenedWait[],
  seal: ValueSeal,
  tenant: string,
): Iterable<readonly [string, string | null, number]> {
  const lists = new Map<string, readonly [string, string | null, number]>();
  for (const { eventNames, correlationKey, since } of waits) {
    for (const name of eventNames) {
      for (const key of correlationKey === null ? [null] : keyTexts(seal, tenant, correlationKey)) {
        const list = JSON.stringify([name, key]);
        const from = Math.min(since, lists.get(list)?.[2] ?? since);
        lists.set(list, [name, key, from]);
      }
    }
  }
  return lists.values();
}

/** Compares as the database orders the keys. */
function inOrder(a: EventCursor, b: EventCursor): number {
  if (a[0] !== b[0]) return a[0] - b[0];
  if (a[1] !== b[1]) return a[1] < b[1] ? -1 : 1;
  return a[2] < b[2] ? -1 : 1;
}
