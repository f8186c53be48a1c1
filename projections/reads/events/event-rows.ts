/** Rows of inbound events. */
import { z } from 'zod';
import type { Json } from '../../../contracts/json.js';
import type { Database } from '../../connection/connection.js';
import { readReadable } from '../../connection/read.js';

/** Identifies an event. */
export interface EventKey {
  readonly tenant: string;
  readonly source: string;
  readonly id: string;
}

/** A run that was proposed for an event. */
export const DeliveryRow = z.object({
  run_id: z.string(),
  workflow_id: z.string(),
  kind: z.string(),
  waits: z.array(z.string()),
  found_by: z.enum(['arrival', 'lookback']),
  status: z.enum(['PENDING', 'SIGNALED', 'RUN_CLOSED', 'FAILED']),
  error: z.string().optional(),
  at: z.date(),
});
export type DeliveryRow = z.infer<typeof DeliveryRow>;

/** The runs that were proposed for an event, by run id. */
export async function deliveriesOf(
  database: Database,
  { tenant, source, id }: EventKey,
): Promise<readonly DeliveryRow[]> {
  return readReadable(
    database,
    DeliveryRow,
    'SELECT *, id[3] AS run_id FROM event_delivery:[$tenant, $source, $id]..[$tenant, $source, $id, ..]',
    { tenant, source, id },
  );
}

export const InboundRow = z.object({
  tenant: z.string(),
  source: z.string(),
  event_id: z.string(),
  event_name: z.string(),
  envelope: z.string(),
  correlation_key: z.string().optional(),
  resolved_by: z.string(),
  tried: z.array(z.string()),
  via: z.string(),
  sender: z.string().optional(),
  outcome: z.string().optional(),
  routed_to: z.array(z.string()),
  triggers: z.string().optional(),
  retried: z.array(z.string()).optional(),
  error: z.string().optional(),
  conflict_count: z.number().optional(),
  conflicts: z.array(z.string()).optional(),
  received_at: z.date(),
  routed_at: z.date().optional(),
  erased_at: z.date().optional(),
});
export type InboundRow = z.infer<typeof InboundRow>;

/**
 * What the triggers came to: the outcomes of the routing, and, of definitions that were retried, those of the
 * last retry. Null: the routing has not ended.
 */
export function triggersOf({
  triggers,
  retried = [],
}: Pick<InboundRow, 'triggers' | 'retried'>): readonly Json[] | null {
  if (triggers === undefined) return null;
  let outcomes = Outcomes.parse(JSON.parse(triggers));
  for (const text of retried) {
    const again = Outcomes.parse(JSON.parse(text));
    const names = new Set(again.map(({ definition }) => definition));
    outcomes = [...outcomes.filter(({ definition }) => !names.has(definition)), ...again];
  }
  return outcomes as readonly Json[];
}

const Outcomes = z.array(z.looseObject({ definition: z.string() }));

/** Another event that came under the identity of a recorded one, and was refused. */
export const EventConflict = z.object({
  /** ISO instant. */
  at: z.string(),
  via: z.string(),
  /** What was different: `name`, `key`, `payload`. */
  differs: z.array(z.string()),
  /** SHA-256 of the refused envelope as JSON. */
  digest: z.string(),
});
export type EventConflict = z.infer<typeof EventConflict>;
