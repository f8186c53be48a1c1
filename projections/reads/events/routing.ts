/** What the bridge reads while it routes an event. */
import { z } from 'zod';
import type { Json } from '../../../contracts/json.js';
import type { Database } from '../../connection/connection.js';
import { read } from '../../connection/read.js';
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
  /** Filter and payload mapping. */
  readonly spec: Json;
}

/** The triggers that name the event. */
export async function triggersFor(
  database: Database,
  tenant: string,
  eventName: string,
): Promise<readonly TriggerRow[]> {
  const rows = await read(
    database,
    z.array(Trigger),
    'SELECT id[2] AS definition, id[3] AS position, version, spec FROM event_trigger:[$tenant, $eventName]..[$tenant, $eventName, ..]',
    { tenant, eventName },
  );
  return rows.map(({ spec, ...row }) => ({ ...row, spec: JSON.parse(spec) as Json }));
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
 * @param after the last one of the page before
 */
export async function unfinishedEvents(
  database: Database,
  before: Date,
  limit: number,
  after?: UnfinishedEvent,
): Promise<readonly UnfinishedEvent[]> {
  return read(
    database,
    z.array(Unfinished),
    `SELECT id[0] AS receivedAt, id[1] AS tenant, id[2] AS source, id[3] AS id
      FROM event_unfinished:[$after[0], $after[1], $after[2], $after[3]]>..[$before] LIMIT $limit`,
    {
      before: before.getTime(),
      after: after === undefined ? [0, '', '', ''] : [after.receivedAt, after.tenant, after.source, after.id],
      limit,
    },
  );
}

/** The envelope of an event as it was received; undefined for an unknown event. */
export async function envelopeOf(database: Database, key: EventKey): Promise<Json | undefined> {
  const column = await read(
    database,
    z.string().optional(),
    `SELECT VALUE envelope FROM ONLY type::record('inbound_event', $id)`,
    { id: [key.tenant, key.source, key.id] },
  );
  return (await loadJson(database, key.tenant, 'event', [column]))(column);
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
