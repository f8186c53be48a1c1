/**
 * The end of an event's routing: what came of each proposed run and each trigger, onto the audit row.
 *
 * Invariant: the first end counts. A bridge that resumed an event another one was still routing finds it finished
 * and changes nothing; both did the same, because signals and starts are harmless the second time. A run that took
 * the event when its wait opened (record-missed.ts) may have come first: then it is routed, whatever this one found.
 */
import type { Json } from '../../../contracts/json.js';
import type { DeliveryRow, EventKey } from '../../reads/events/event-rows.js';
import { commit } from '../../connection/unit-of-work.js';
import type { Writer } from '../../connection/writer.js';

/** What an event came to. */
export type EventOutcome =
  /** A run was signalled or started. */
  | 'ROUTED'
  /** It has a key; no run waits for it and no trigger started one. A wait that opens later may still take it. */
  | 'NO_MATCH'
  /** It has no key, so no wait was looked for; no trigger started a run. */
  | 'UNRESOLVED'
  /** It was for somebody, and nobody could take it: every run had ended, or every trigger failed. */
  | 'FAILED';

export interface FinishedDelivery {
  readonly runId: string;
  readonly status: Exclude<DeliveryRow['status'], 'PENDING'>;
  readonly error?: string;
}

export interface FinishedEvent {
  readonly outcome: EventOutcome;
  readonly deliveries: readonly FinishedDelivery[];
  /** What each trigger that names the event came to. */
  readonly triggers: Json;
  /** Ids of the runs that were signalled or started. */
  readonly routedTo: readonly string[];
  readonly error: Json | null;
  readonly receivedAt: Date;
}

/** @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function finishEvent(
  { database, faults }: Writer,
  { tenant, source, id }: EventKey,
  finished: FinishedEvent,
): Promise<void> {
  await commit(
    database,
    [
      {
        label: 'event_delivery.settle',
        text: `FOR $d IN $deliveries {
  UPDATE type::record('event_delivery', array::concat($id, [$d.run])) SET status = $d.status, error = $d.error WHERE status != 'SIGNALED' RETURN NONE
}`,
      },
      {
        label: 'inbound_event.finish',
        text: `UPDATE type::record('inbound_event', $id) SET outcome = IF $outcome IN ['NO_MATCH', 'FAILED'] AND routed_to != [] { 'ROUTED' } ELSE { $outcome }, routed_to = array::union(routed_to, $routed), triggers = $triggers, error = $error, routed_at = time::now() WHERE outcome = NONE RETURN NONE`,
      },
      {
        label: 'event_unfinished.remove',
        text: `DELETE type::record('event_unfinished', array::concat([$ms], $id)) RETURN NONE`,
      },
    ],
    {
      id: [tenant, source, id],
      ms: finished.receivedAt.getTime(),
      outcome: finished.outcome,
      routed: [...finished.routedTo],
      triggers: JSON.stringify(finished.triggers),
      error: finished.error === null ? undefined : JSON.stringify(finished.error),
      deliveries: finished.deliveries.map(({ runId, status, error }) => ({ run: runId, status, error })),
    },
    faults,
  );
}
