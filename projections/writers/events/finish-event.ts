/**
 * The end of an event's routing: writes the outcome of each proposed run and each trigger to the audit row.
 *
 * Invariant: the first end counts. A bridge that resumes an event while another bridge is still routing it
 * may find it finished and change nothing; both did the same, because a second signal or start is harmless.
 * The dead letter of a trigger that failed is written in the same transaction, by the end that counts.
 * What a run has returned since it was signaled (return-events.ts) stays returned.
 * A run that took the event when its wait opened (record-missed.ts) may have been first: then the outcome
 * is ROUTED, even if this bridge found no match.
 */
import type { NewDeadLetter } from '../../../contracts/events/dead-letter.js';
import type { Json } from '../../../contracts/json.js';
import type { DeliveryRow, EventKey } from '../../reads/events/event-rows.js';
import { deadLetterStatements } from '../../domain/dead-letters.js';
import { commit } from '../../connection/unit-of-work.js';
import type { Writer } from '../../connection/writer.js';
import { TextWriter } from '../../log/texts.js';

/** The outcome of an event's routing. */
export type EventOutcome =
  /** A run was signaled or started. */
  | 'ROUTED'
  /**
   * It has a key; no run waits for it, and no trigger started one. A wait that opens later may still take
   * it.
   */
  | 'NO_MATCH'
  /** It has no key, so no wait was looked for; no trigger started a run. */
  | 'UNRESOLVED'
  /** It had receivers, but none could take it: every run had ended, or every trigger failed. */
  | 'FAILED';

export interface FinishedDelivery {
  readonly runId: string;
  readonly status: Exclude<DeliveryRow['status'], 'PENDING'>;
  readonly error?: string;
}

export interface FinishedEvent {
  readonly outcome: EventOutcome;
  readonly deliveries: readonly FinishedDelivery[];
  /** The outcome of each trigger that names the event. */
  readonly triggers: Json;
  /** Ids of the runs that were signaled or started. */
  readonly routedTo: readonly string[];
  readonly error: Json | null;
  /** About triggers that failed. */
  readonly letters?: readonly NewDeadLetter[];
  readonly receivedAt: Date;
}

/** @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function finishEvent(
  { database, faults }: Writer,
  { tenant, source, id }: EventKey,
  finished: FinishedEvent,
): Promise<void> {
  const texts = new TextWriter(database.seal, tenant, 'event');
  const letters = deadLetterStatements(database.seal, finished.letters ?? [], '$ended');
  await commit(
    database,
    [
      {
        label: 'event_delivery.settle',
        text: `FOR $d IN $deliveries {
  UPDATE type::record('event_delivery', array::concat($id, [$d.run])) SET status = $d.status, error = $d.error WHERE status != 'SIGNALED' AND returned = NONE RETURN NONE
}`,
      },
      {
        label: 'inbound_event.finish',
        text: `LET $ended = (UPDATE type::record('inbound_event', $id) SET outcome = IF $outcome IN ['NO_MATCH', 'FAILED'] AND routed_to != [] { 'ROUTED' } ELSE { $outcome }, routed_to = array::union(routed_to, $routed), triggers = $triggers, error = $error, routed_at = time::now() WHERE outcome = NONE RETURN VALUE id)`,
      },
      {
        label: 'event_unfinished.remove',
        text: `DELETE type::record('event_unfinished', array::concat([$ms], $id)) RETURN NONE`,
      },
      ...letters.statements,
    ],
    {
      ...letters.variables,
      id: [tenant, source, id],
      ms: finished.receivedAt.getTime(),
      outcome: finished.outcome,
      routed: [...finished.routedTo],
      triggers: texts.note(JSON.stringify(finished.triggers)),
      error: finished.error === null ? undefined : texts.note(JSON.stringify(finished.error)),
      deliveries: finished.deliveries.map(({ runId, status, error }) => ({
        run: runId,
        status,
        error: texts.note(error),
      })),
    },
    faults,
  );
}
