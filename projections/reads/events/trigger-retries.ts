/** Triggers that failed and are retried (writers/events/retry-trigger.ts). */
import { z } from 'zod';
import { DeadLetterAct } from '../../../contracts/events/dead-letter.js';
import type { Database } from '../../connection/connection.js';
import { read } from '../../connection/read.js';
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
 * @param after the last one of the page before
 */
export async function triggerRetries(
  database: Database,
  limit: number,
  after?: TriggerRetry,
): Promise<readonly TriggerRetry[]> {
  const rows = await read(
    database,
    z.array(Row),
    `SELECT id[0] AS tenant, id[1] AS source, id[2] AS id, id[3] AS definition, letter, act
      FROM trigger_retry:[$after[0], $after[1], $after[2], $after[3]]>.. LIMIT $limit`,
    {
      after: after === undefined ? [] : [after.tenant, after.source, after.id, after.definition],
      limit,
    },
  );
  return rows.map(({ act, ...row }) => ({ ...row, act: DeadLetterAct.parse(JSON.parse(act)) }));
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
