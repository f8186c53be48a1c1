/**
 * Retention of inbound events: removes those that were received before a time, with every row about them.
 *
 * Invariants
 * - An event is removed whole, in one transaction, or not at all; and never before its routing has ended, or
 *   that of a trigger that is retried.
 * - Nothing that stays refers to a removed event: its lists, deliveries, entry by key and stored envelope
 *   go with the row. The guard of its key (writers/events/record-event.ts) goes with the last event and
 *   wait of that key. A transaction that records such an event or opens such a wait meanwhile writes the
 *   guard too: one of the two is sent again.
 * - A removed event is forgotten: a wait can't look back at it, and an event that arrives with the same id
 *   is new.
 */
import { z } from 'zod';
import { listKey } from '../log/keys.js';
import type { Database } from '../connection/connection.js';
import { read, readRows } from '../connection/read.js';
import type { Statement } from '../connection/unit-of-work.js';
import type { Writer } from '../connection/writer.js';
import { FREE_KEY_OF_EVENT } from '../domain/freed-keys.js';
import { listTenants } from '../log/tenants.js';
import { removeOne } from './remove-one.js';
import { type Prunable, Sample, sizeOf } from './sample.js';

export interface EventRetentionRequest {
  /** Events that were received before this instant are removed. */
  readonly receivedBefore: Date;
  /** Events that one call removes at most. */
  readonly limit: number;
}

/** Events that one read finds at most. */
const PAGE = 100;
/** Events that one read counts at most. */
const COUNTED = 1_000;

const REMOVE: readonly Statement[] = [
  {
    label: 'inbound_event.read',
    text: `LET $row = (SELECT * FROM ONLY type::record('inbound_event', $id))`,
  },
  {
    label: 'inbound_event.check',
    text: `{
  LET $retries = (SELECT VALUE id FROM trigger_retry:[$id[0], $id[1], $id[2]]..[$id[0], $id[1], $id[2], ..] LIMIT 1);
  IF $row = NONE OR $row.outcome = NONE OR $row.received_at >= $before OR array::len($retries) > 0 { THROW 'sluice:KEPT' }
}`,
  },
  FREE_KEY_OF_EVENT,
  {
    label: 'event_list.remove',
    text: `{
  DELETE type::record('event_list', [$id[0], 'all', '', $newest, $id[1], $id[2]]) RETURN NONE;
  DELETE type::record('event_list', [$id[0], 'name', $row.event_name, $newest, $id[1], $id[2]]) RETURN NONE;
}`,
  },
  {
    label: 'event_delivery.remove',
    // A LET, because in the FOR itself the engine turns a subquery of one row into that row.
    text: `{
  LET $runs = (SELECT VALUE id[3] FROM event_delivery:[$id[0], $id[1], $id[2]]..[$id[0], $id[1], $id[2], ..]);
  FOR $run IN $runs {
    DELETE type::record('event_by_key', [$id[0], $row.event_name, '@' + $run, time::millis($row.received_at), $id[1], $id[2]]) RETURN NONE;
  };
  DELETE event_delivery:[$id[0], $id[1], $id[2]]..[$id[0], $id[1], $id[2], ..] RETURN NONE;
}`,
  },
  {
    // An envelope names its event, so no other row refers to this blob.
    label: 'blob.remove',
    text: `IF string::starts_with($row.envelope, '@') { DELETE type::record('blob', [$id[0], 'event', string::slice($row.envelope, 1)]) RETURN NONE }`,
  },
  { label: 'inbound_event.remove', text: `DELETE type::record('inbound_event', $id) RETURN NONE` },
];

const Place = z.tuple([z.string(), z.string(), z.string()]);
type Place = z.infer<typeof Place>;

/**
 * @returns how many events were removed; fewer than `limit` means that none is left
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function removeEvents(writer: Writer, request: EventRetentionRequest): Promise<number> {
  let removed = 0;
  for (const tenant of await listTenants(writer.database, 'event_list')) {
    removed += await removeOf(writer, tenant, { ...request, limit: request.limit - removed });
    if (removed >= request.limit) return removed;
  }
  return removed;
}

/** The size of an event, with its envelope and deliveries, without its lists. */
const SIZE = `{
  LET $envelope = (SELECT VALUE envelope FROM ONLY type::record('inbound_event', $key));
  LET $blob = IF $envelope != NONE AND string::starts_with($envelope, '@') { string::slice($envelope, 1) } ELSE { '' };
  RETURN ${sizeOf("type::record('inbound_event', $key)")} + ${sizeOf("type::record('blob', [$key[0], 'event', $blob])")} + ${sizeOf('event_delivery:[$key[0], $key[1], $key[2]]..[$key[0], $key[1], $key[2], ..]')};
}`;

/**
 * Counts and measures the events that {@link removeEvents} would look at; it keeps those whose routing has
 * not ended.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function countEvents(database: Database, receivedBefore: Date): Promise<Prunable> {
  const sample = new Sample<readonly string[]>();
  for (const tenant of await listTenants(database, 'event_list')) {
    for (let above: Place = [listKey(receivedBefore, '').slice(0, -1), '', '']; ;) {
      const places = await read(
        database,
        z.array(Place),
        `SELECT VALUE [id[3], id[4], id[5]] FROM event_list:[$tenant, 'all', '', $above[0], $above[1], $above[2]]>..[$tenant, 'all', '', ..] LIMIT $limit`,
        { tenant, above, limit: COUNTED },
      );
      sample.add(places.map(([, source, id]) => [tenant, source, id]));
      const last = places.at(-1);
      if (last === undefined) break;
      above = last;
    }
  }
  return sample.measure(database, SIZE);
}

async function removeOf(
  writer: Writer,
  tenant: string,
  { receivedBefore, limit }: EventRetentionRequest,
): Promise<number> {
  let removed = 0;
  // The list has the newest first: older events are above this key.
  let above: Place = [listKey(receivedBefore, '').slice(0, -1), '', ''];
  while (removed < limit) {
    const rows = await readRows(
      writer.database,
      z.object({ place: Place }),
      `SELECT id, [id[3], id[4], id[5]] AS place FROM event_list:[$tenant, 'all', '', $above[0], $above[1], $above[2]]>..[$tenant, 'all', '', ..] LIMIT $limit`,
      { tenant, above, limit: Math.min(limit - removed, PAGE) },
    );
    const places = rows.flatMap(({ row }) => (row === undefined ? [] : [row.place]));
    for (const [newest, source, id] of places) {
      const key = [tenant, source, id];
      const variables = { id: key, newest, before: receivedBefore };
      if (await removeOne(writer, `inbound_event:${JSON.stringify(key)}`, REMOVE, variables)) removed += 1;
    }
    const last = places.at(-1);
    if (last === undefined) break;
    above = last;
  }
  return removed;
}
