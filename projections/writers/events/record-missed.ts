/** Notes on the audit rows of events that a run was sent when its wait opened. */
import type { DeliveredEvent } from '../../../contracts/inbound-event.js';
import type { OpenedWait, Execution } from '../../../contracts/run/projection.js';
import { commit } from '../../connection/unit-of-work.js';
import type { Writer } from '../../connection/writer.js';

/**
 * Best effort: the note follows the signal, and a crash in between sends the events again; the run
 * recognizes them by their ids. An event that retention has removed meanwhile gets no note.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function recordMissed(
  { database, faults }: Writer,
  { run, workflowId }: Execution,
  waits: readonly OpenedWait[],
  events: readonly DeliveredEvent[],
): Promise<void> {
  if (events.length === 0) return;
  await commit(
    database,
    [
      {
        label: 'event_delivery.missed',
        text: `FOR $e IN $missed {
  IF record::exists(type::record('inbound_event', [$tenant, $e.source, $e.id])) {
    UPSERT type::record('event_delivery', [$tenant, $e.source, $e.id, $run])
      SET workflow_id = $workflow, kind = 'event', found_by = found_by ?? 'lookback', status = 'SIGNALED', at = time::now(), waits = array::union(waits ?? [], $e.waits) RETURN NONE;
    UPDATE type::record('inbound_event', [$tenant, $e.source, $e.id])
      SET routed_to = array::union(routed_to, [$run]), outcome = IF outcome = 'NO_MATCH' OR outcome = 'FAILED' { 'ROUTED' } ELSE { outcome } RETURN NONE;
  }
}`,
      },
    ],
    {
      tenant: run.tenant,
      run: run.runId,
      workflow: workflowId,
      missed: events.map((event) => ({
        source: event.source,
        id: event.id,
        waits: waits
          .filter(
            ({ eventNames, correlationKey }) =>
              eventNames.includes(event.name) && correlationKey === event.correlationKey,
          )
          .map(({ place }) => place),
      })),
    },
    faults,
  );
}
