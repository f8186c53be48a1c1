/** What the bridge reads while it routes an event. */
import { z } from 'zod';
import type { Json } from '../../../contracts/json.js';
import type { Database } from '../../connection/connection.js';
import { cursorAfter, read, readBatch, readRows, type Batch, type Cursor } from '../../connection/read.js';
import { viewRows } from '../../connection/page.js';
import { loadJson } from '../../log/texts.js';
import type { EventKey } from './event-rows.js';

const Trigger = z.object({
  definition: z.string(),
  position: z.number().int(),
  version: z.number().int(),
  spec: z.string(),
});

/** An event trigger of a published definition. */
export interface TriggerRow {
  readonly definition: string;
  readonly position: number;
  readonly version: number;
  /** Filter and payload mapping; undefined where the row cannot be read. */
  readonly spec: Json | undefined;
}

/** What the key of a trigger says. */
const TriggerKey = Trigger.pick({ definition: true, position: true }).extend({
  version: Trigger.shape.version.catch(0),
});

/**
 * The triggers that name the event. One whose row cannot be read comes without what the row says: whoever
 * fires it can only say that it failed.
 */
export async function triggersFor(
  database: Database,
  tenant: string,
  eventName: string,
): Promise<readonly TriggerRow[]> {
  const rows = await readRows(
    database,
    Trigger,
    'SELECT id, id[2] AS definition, id[3] AS position, version, spec FROM event_trigger:[$tenant, $eventName]..[$tenant, $eventName, ..]',
    { tenant, eventName },
  );
  return rows.flatMap((listed): TriggerRow[] => {
    const { items } = viewRows([listed], toTrigger);
    if (items.length > 0) return items;
    const named = TriggerKey.safeParse(listed.raw);
    return named.success ? [{ ...named.data, spec: undefined }] : [];
  });
}

/** The triggers of all tenants, by key. @param after `next` of the part before */
export async function allTriggers(
  database: Database,
  after: Cursor | undefined,
  limit: number,
): Promise<Batch<TriggerRow>> {
  const rows = await readRows(
    database,
    Trigger,
    `SELECT id, record::id(id) AS key, id[2] AS definition, id[3] AS position, version, spec FROM type::record('event_trigger', $after>..) LIMIT $limit`,
    { after: after ?? [], limit },
  );
  return { items: viewRows(rows, toTrigger).items, next: cursorAfter(rows, limit) };
}

function toTrigger({ spec, ...row }: z.infer<typeof Trigger>): TriggerRow {
  return { ...row, spec: JSON.parse(spec) as Json };
}

const Unfinished = z.object({
  tenant: z.string(),
  source: z.string(),
  id: z.string(),
  /** Epoch ms. */
  receivedAt: z.number(),
});
export type UnfinishedEvent = z.infer<typeof Unfinished>;

/**
 * Events whose routing has not ended, oldest first.
 * @param after `next` of the part before
 */
export async function unfinishedEvents(
  database: Database,
  before: Date,
  limit: number,
  after?: Cursor,
): Promise<Batch<UnfinishedEvent>> {
  return readBatch(
    database,
    Unfinished,
    `SELECT id AS record, record::id(id) AS key, id[0] AS receivedAt, id[1] AS tenant, id[2] AS source, id[3] AS id
      FROM type::record('event_unfinished', $after>..[$before]) LIMIT $limit`,
    { before: before.getTime(), after: after ?? [0], limit },
  );
}

/** The envelope of an event as it was received; undefined for an unknown event. */
export async function envelopeOf(database: Database, key: EventKey): Promise<Json | undefined> {
  const row = await read(
    database,
    z.object({ envelope: z.string() }).optional(),
    `SELECT envelope FROM ONLY type::record('inbound_event', $id)`,
    { id: [key.tenant, key.source, key.id] },
  );
  return (await loadJson(database, key.tenant, 'event', [row?.envelope]))(row?.envelope);
}

/** Whether any definition of the tenant is published. */
export async function isKnownTenant(database: Database, tenant: string): Promise<boolean> {
  const rows = await read(
    database,
    z.array(z.unknown()),
    'SELECT VALUE version FROM definition_latest:[$tenant]..[$tenant, ..] LIMIT 1',
    { tenant },
  );
  return rows.length > 0;
}
