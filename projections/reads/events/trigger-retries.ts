/** Triggers that failed and are retried (writers/events/retry-trigger.ts). */
import { z } from 'zod';
import { DeadLetterAct } from '../../../contracts/events/dead-letter.js';
import type { Database } from '../../connection/connection.js';
import { cursorAfter, read, readRows, type Batch, type Cursor } from '../../connection/read.js';
import { viewRows } from '../../connection/page.js';
import type { EventKey } from './event-rows.js';

/** A definition whose triggers are to be fired again for an event. */
export interface TriggerRetry extends EventKey {
  readonly definition: string;
  /** Id of the dead letter. */
  readonly letter: string;
  /** The act of the operator. */
  readonly act: DeadLetterAct;
}

const Row = z.object({
  tenant: z.string(),
  source: z.string(),
  id: z.string(),
  definition: z.string(),
  letter: z.string(),
  act: z.string(),
});

/**
 * The retries that no bridge has done yet, by event.
 * @param after `next` of the part before
 */
export async function triggerRetries(
  database: Database,
  limit: number,
  after?: Cursor,
): Promise<Batch<TriggerRetry>> {
  const rows = await readRows(
    database,
    Row,
    `SELECT id AS record, record::id(id) AS key, id[0] AS tenant, id[1] AS source, id[2] AS id, id[3] AS definition, letter, act
      FROM type::record('trigger_retry', $after>..) LIMIT $limit`,
    { after: after ?? [], limit },
  );
  const { items } = viewRows(rows, ({ act, ...row }) => ({
    ...row,
    act: DeadLetterAct.parse(JSON.parse(act)),
  }));
  return { items, next: cursorAfter(rows, limit) };
}

/** Why a trigger can't be fired again: its event is gone, or its definition has no trigger for it. */
export async function triggerObstacle(
  database: Database,
  { tenant, source, id, definition }: EventKey & { readonly definition: string },
): Promise<'event' | 'definition' | undefined> {
  const name = await read(
    database,
    z.string().optional(),
    `SELECT VALUE event_name FROM ONLY type::record('inbound_event', $id)`,
    { id: [tenant, source, id] },
  );
  if (name === undefined) return 'event';
  const triggers = await read(
    database,
    z.array(z.unknown()),
    `SELECT VALUE version FROM event_trigger:[$tenant, $name, $definition]..[$tenant, $name, $definition, ..] LIMIT 1`,
    { tenant, name, definition },
  );
  return triggers.length === 0 ? 'definition' : undefined;
}
