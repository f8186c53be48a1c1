/**
 * Notes on the audit rows of events that a run is sent when its wait opens: before they are sent, and after.
 *
 * Invariant: an event that the run returns (return-events.ts) between the two notes stays returned, so
 * `sent` counts only for the look-back that noted `sending` last. A crash in between sends the events again;
 * the run recognizes them by their ids. An event that retention has removed meanwhile gets no note.
 */
import type { ProjectionStore } from '../../../contracts/run/projection.js';
import { commit } from '../../connection/unit-of-work.js';
import type { Writer } from '../../connection/writer.js';

const SENDING = {
  label: 'event_delivery.sending',
  text: `FOR $e IN $missed {
  IF record::exists(type::record('inbound_event', [$tenant, $e.source, $e.id])) {
    LET $delivery = type::record('event_delivery', [$tenant, $e.source, $e.id, $run]);
    UPSERT $delivery SET workflow_id = $workflow, kind = kind ?? 'event', found_by = found_by ?? 'lookback', status = status ?? 'PENDING', at = time::now(), sending = $sender, waits = array::union(waits ?? [], $e.waits) RETURN NONE;
  }
}`,
};

const SENT = {
  label: 'event_delivery.missed',
  text: `FOR $e IN $missed {
  LET $done = (UPDATE type::record('event_delivery', [$tenant, $e.source, $e.id, $run])
    SET status = 'SIGNALED', sending = NONE, at = time::now() WHERE sending = $sender RETURN VALUE id);
  IF array::len($done) > 0 {
    LET $row = (UPDATE type::record('inbound_event', [$tenant, $e.source, $e.id])
      SET routed_to = array::union(routed_to, [$run]), outcome = IF outcome = 'NO_MATCH' OR outcome = 'FAILED' { 'ROUTED' } ELSE { outcome } RETURN VALUE [event_name, time::millis(received_at)]);
    IF array::len($row) > 0 { DELETE type::record('event_by_key', [$tenant, $row[0][0], '@' + $run, $row[0][1], $e.source, $e.id]) RETURN NONE };
  }
}`,
};

/** @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function recordMissed(
  { database, faults }: Writer,
  ...[{ run, workflowId }, { waits, events, sender, step }]: Parameters<ProjectionStore['recordMissed']>
): Promise<void> {
  if (events.length === 0) return;
  await commit(
    database,
    [step === 'sending' ? SENDING : SENT],
    {
      tenant: run.tenant,
      run: run.runId,
      workflow: workflowId,
      sender,
      missed: events.map((event) => ({
        source: event.source,
        id: event.id,
        waits: waits
          .filter(
            ({ eventNames, correlationKey }) =>
              eventNames.includes(event.name) &&
              (correlationKey === null || correlationKey === event.correlationKey),
          )
          .map(({ place }) => place),
      })),
    },
    faults,
  );
}
