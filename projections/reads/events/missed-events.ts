/**
 * Events that arrived before a wait for them was registered, and that its run has not been sent.
 *
 * Read them after the registration has committed (writers/events/record-event.ts says why that suffices):
 * an event whose arrival committed before is found here, and an event that commits later finds the wait.
 */
import { z } from 'zod';
import { decodeEvent } from '../../../contracts/events/event-envelope.js';
import type { DeliveredEvent } from '../../../contracts/inbound-event.js';
import { LIMITS } from '../../../contracts/limits.js';
import type { OpenedWait } from '../../../contracts/run/projection.js';
import type { Database } from '../../connection/connection.js';
import { read } from '../../connection/read.js';
import { loadJson } from '../../log/texts.js';

const Row = z.object({
  source: z.string(),
  event_id: z.string(),
  event_name: z.string(),
  correlation_key: z.string(),
  envelope: z.string(),
  received_at: z.date(),
});

const KEYS = `SELECT VALUE [id[4], id[5]] FROM event_by_key:[$tenant, $name, fn::event_key($key), $since]..[$tenant, $name, fn::event_key($key), ..]
  WHERE (type::record('event_delivery', [$tenant, id[4], id[5], $run]).status ?? 'PENDING') != 'SIGNALED' LIMIT $limit`;

/**
 * @returns oldest first, each once; at most `LIMITS.missedEvents`
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function missedEvents(
  database: Database,
  tenant: string,
  runId: string,
  waits: readonly OpenedWait[],
): Promise<readonly DeliveredEvent[]> {
  const keys = new Map<string, readonly [string, string]>();
  for (const { eventNames, correlationKey, since } of waits) {
    for (const name of new Set(eventNames)) {
      const found = await read(database, z.array(z.tuple([z.string(), z.string()])), KEYS, {
        tenant,
        name,
        key: correlationKey,
        since,
        run: runId,
        limit: LIMITS.missedEvents,
      });
      for (const key of found) keys.set(JSON.stringify(key), key);
    }
  }
  if (keys.size === 0) return [];
  const rows = await read(
    database,
    z.array(Row),
    `SELECT * FROM $keys.map(|$k| type::record('inbound_event', [$tenant, $k[0], $k[1]])) ORDER BY received_at`,
    { tenant, keys: [...keys.values()] },
  );
  const decode = await loadJson(
    database,
    tenant,
    'event',
    rows.map((row) => row.envelope),
  );
  return rows.slice(0, LIMITS.missedEvents).map((row) => {
    const decoded = decodeEvent(decode(row.envelope));
    return {
      source: row.source,
      id: row.event_id,
      name: row.event_name,
      correlationKey: row.correlation_key,
      payload: decoded.ok ? decoded.event.payload : null,
      receivedAt: row.received_at.toISOString(),
    };
  });
}
