/**
 * Retries of triggers that failed. An operator's act puts a row into `trigger_retry`; a bridge fires the
 * triggers of that definition again, and the end of that removes the row, adds the outcome to the audit row
 * of the event, and settles the dead letter, in one transaction.
 *
 * Invariants
 * - The event itself stays routed: a retry repeats nothing but the triggers of the one definition.
 * - Each retry ends once: only the end that finds the row of its act changes anything. Two bridges that fire
 *   the same retry start one run, because its workflow id is that of the first try.
 * - What is retried stays RETRYING until a bridge has done it; a failure opens the letter again.
 */
import type { DeadLetterAct } from '../../../contracts/events/dead-letter.js';
import type { Json } from '../../../contracts/json.js';
import type { EventKey } from '../../reads/events/event-rows.js';
import type { TriggerRetry } from '../../reads/events/trigger-retries.js';
import { commit } from '../../connection/unit-of-work.js';
import type { Writer } from '../../connection/writer.js';
import { TextWriter } from '../../log/texts.js';
import type { EventOutcome } from './finish-event.js';

export interface FinishedRetry {
  /** The outcome of each trigger of the definition. */
  readonly triggers: Json;
  /** The run that was started; null: none was. */
  readonly runId: string | null;
  /** The event's outcome with these triggers; ROUTED stays ROUTED. */
  readonly outcome: EventOutcome;
  /** The event's error with that outcome. */
  readonly error: Json | null;
  /** Why the triggers failed again; null: they did not. */
  readonly failure: { readonly code: string; readonly message: string } | null;
  /** What was done, for the audit of the letter. */
  readonly act: DeadLetterAct;
}

/** Leaves the retry to the bridge. @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function requeueTrigger(
  { database, faults }: Writer,
  { tenant, source, id, definition }: EventKey & { readonly definition: string },
  letter: string,
  act: DeadLetterAct,
): Promise<void> {
  await commit(
    database,
    [
      {
        label: 'trigger_retry.put',
        text: `UPSERT type::record('trigger_retry', $key) SET letter = $letter, act = $act RETURN NONE`,
      },
    ],
    {
      key: [tenant, source, id, definition],
      letter,
      act: new TextWriter(database.seal, tenant, 'event').note(JSON.stringify(act)),
    },
    faults,
  );
}

/** Ends a retry. @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function finishRetry(
  { database, faults }: Writer,
  { tenant, source, id, definition, letter, act }: TriggerRetry,
  finished: FinishedRetry,
): Promise<void> {
  const { failure } = finished;
  const texts = new TextWriter(database.seal, tenant, 'event');
  await commit(
    database,
    [
      {
        label: 'trigger_retry.remove',
        text: `LET $mine = (DELETE type::record('trigger_retry', $key) WHERE fn::value_tag(act) = fn::value_tag($act) OR act = $former_act RETURN BEFORE)`,
      },
      {
        label: 'inbound_event.retried',
        text: `IF array::len($mine) > 0 {
  LET $event = type::record('inbound_event', $id);
  LET $was = $event.outcome;
  UPDATE $event SET retried = array::append(retried ?? [], $triggers), routed_to = array::union(routed_to, $routed),
    outcome = IF $was = 'ROUTED' { $was } ELSE { $outcome }, error = IF $was = 'ROUTED' { error } ELSE { $error } RETURN NONE
}`,
      },
      {
        label: 'dead_letter.settle',
        text: `IF array::len($mine) > 0 {
  LET $letter = type::record('dead_letter', [$key[0], $letter_id]);
  LET $old = (SELECT status, list_key FROM ONLY $letter);
  IF $old != NONE AND $old.status = 'RETRYING' {
    UPDATE $letter SET status = $status, acts += $done, resolved_at = IF $status = 'OPEN' { NONE } ELSE { time::now() },
      reason = $reason ?? reason, error_code = $code ?? error_code RETURN NONE;
    DELETE type::record('dead_letter_list', [$key[0], $old.status, $old.list_key]) RETURN NONE;
    UPSERT type::record('dead_letter_list', [$key[0], $status, $old.list_key]) RETURN NONE
  }
}`,
      },
    ],
    {
      key: [tenant, source, id, definition],
      id: [tenant, source, id],
      act: texts.note(JSON.stringify(act)),
      // The text of a retry that was asked for before the key ring was configured.
      former_act: JSON.stringify(act),
      letter_id: letter,
      triggers: texts.note(JSON.stringify(finished.triggers)),
      routed: finished.runId === null ? [] : [finished.runId],
      outcome: finished.outcome,
      error: finished.error === null ? undefined : texts.note(JSON.stringify(finished.error)),
      status: failure === null ? 'RETRIED' : 'OPEN',
      done: texts.note(JSON.stringify(finished.act)),
      reason: failure === null ? undefined : texts.note(`${failure.code}: ${failure.message}`),
      code: failure?.code,
    },
    faults,
  );
}
