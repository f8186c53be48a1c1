/**
 * Events that a run had received and keeps no longer, because its buffer was full: their deliveries are
 * PENDING again, so that the look-back of a later wait finds them (reads/events/missed-events.ts).
 *
 * Invariants
 * - A wait that opens and an event that is returned at once do not miss each other: each side reads after its
 *   own commit. So whoever commits a return looks again for the waits that opened after it in the run.
 * - A return that is committed twice counts once; what the run was sent in between stays sent.
 * - Until then `event_by_key` has a row under `@` and the run's id, for waits without a key.
 */
import type { Execution, ReturnedEvent } from '../../../contracts/run/projection.js';
import { commit } from '../../connection/unit-of-work.js';
import type { Writer } from '../../connection/writer.js';

/**
 * An event whose audit row retention has removed stays forgotten.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function returnEvents(
  { database, faults }: Writer,
  { run, workflowId }: Execution,
  events: readonly ReturnedEvent[],
): Promise<void> {
  if (events.length === 0) return;
  await commit(
    database,
    [
      {
        label: 'event_delivery.return',
        text: `FOR $e IN $events {
  LET $event = (SELECT event_name, received_at FROM ONLY type::record('inbound_event', [$tenant, $e.source, $e.id]));
  LET $delivery = type::record('event_delivery', [$tenant, $e.source, $e.id, $run]);
  IF $event != NONE AND $delivery.returned != $e.by {
    UPSERT $delivery SET workflow_id = $workflow, kind = kind ?? 'event', found_by = found_by ?? 'arrival', status = 'PENDING', returned = $e.by, sending = NONE, at = time::now(), waits = waits ?? [] RETURN NONE;
    UPSERT type::record('event_by_key', [$tenant, $event.event_name, '@' + $run, time::millis($event.received_at), $e.source, $e.id]) RETURN NONE;
  }
}`,
      },
    ],
    {
      tenant: run.tenant,
      run: run.runId,
      workflow: workflowId,
      events: events.map(({ source, id, seq, at }) => ({ source, id, by: `${seq}@${at}` })),
    },
    faults,
  );
}
