/**
 * The outcome of an action in its step's row, written by the action's own transaction ahead of the log.
 *
 * States of a step row: what the log says (`provisional` false), or, while the log has not closed the step,
 * what the ledger knows (`provisional` true). The event that closes the step then confirms or corrects it;
 * an event that comes late and only opens the step changes no status. So the row stays a function of log
 * and ledger.
 *
 * After a rewind a step runs again under another key. A ledger row settles only the step that has its key,
 * and one from before the rewind creates no row for a step that has not begun since (`$generation`).
 */
import type { Columns } from '../log/effects.js';
import type { Statement } from '../connection/unit-of-work.js';

/** Characters of output that a step shows. A longer one is in the ledger, and the log brings its summary. */
const SHOWN = 2048;
const SUMMARY = `IF string::len($l.output ?? '') > ${SHOWN} { NONE } ELSE { $l.output }`;

/** `opened_seq` of a row that no event has opened yet. */
export const UNOPENED = Number.MAX_SAFE_INTEGER;

const SETTLE = `IF $old = NONE OR $old.opened_seq = ${UNOPENED} {
      UPSERT $id CONTENT { step_id: $l.step_id, action: $l.action, action_version: $l.action_version, idempotency_key: $key,
        input: $l.input, status: $l.status, output: $output, error: $l.error, error_code: $l.error_code,
        started_at: $l.started_at, ended_at: $l.finished_at,
        opened_seq: ${UNOPENED}, status_seq: 0, provisional: true } RETURN NONE
    } ELSE IF ($old.provisional OR $old.status = 'RUNNING') AND ($old.idempotency_key = NONE OR $old.idempotency_key = $key) {
      UPDATE $id SET status = $l.status, output = $output, error = $l.error, error_code = $l.error_code,
        ended_at = $l.finished_at, provisional = true RETURN NONE
    }`;

/** Settles the step `$id` of the key `$key` from `$l`, its ledger row. */
export const SETTLE_ONE = `LET $old = (SELECT status, provisional, opened_seq, idempotency_key FROM ONLY $id);
    LET $output = ${SUMMARY};
    ${SETTLE}`;

/** Settles one step from `$l`, a ledger row that has just been finished. */
export const SETTLE_STEP: Statement = {
  label: 'step.settle',
  text: `IF $finished AND !$ledger_row.local {
    LET $key = $ledger_key[1];
    LET $l = (SELECT * FROM ONLY type::record('action_invocation', $ledger_key));
    LET $id = type::record('step', [$ledger_key[0], $l.run_id, $l.path, $l.iteration, $l.attempt]);
    ${SETTLE_ONE}
}`,
};

/** The outcome as columns of a ledger row. */
export interface OutcomeColumns extends Columns {
  readonly status: string;
  readonly output: string | undefined;
  readonly error: string | undefined;
  readonly error_code: string | undefined;
  readonly finished_at: Date;
}

/** The outcome as columns of the action's step row, for a step that is open. */
export function outcomeInStep({ status, output, error, error_code, finished_at }: OutcomeColumns): Columns {
  return {
    status,
    output: [...(output ?? '')].length > SHOWN ? undefined : output,
    error,
    error_code,
    ended_at: finished_at,
    provisional: true,
  };
}

/** Settles every step of the run whose outcome the ledger knows and the log doesn't. */
export const SETTLE_STEPS: readonly Statement[] = [
  {
    label: 'run_invocation.read',
    text: 'LET $invocations = (SELECT VALUE id[2] FROM run_invocation:[$run[0], $run[1]]..[$run[0], $run[1], ..])',
  },
  {
    label: 'step.settle-all',
    text: `FOR $key IN $invocations {
    LET $l = (SELECT * FROM ONLY type::record('action_invocation', [$run[0], $key]));
    IF $l.status = 'STARTED' OR $l.local OR $l.run_id != $run[1] OR !type::is_string($l.path) { CONTINUE };
    LET $id = type::record('step', [$run[0], $l.run_id, $l.path, $l.iteration, $l.attempt]);
    LET $old = (SELECT status, provisional, opened_seq, idempotency_key FROM ONLY $id);
    IF ($old = NONE OR $old.opened_seq = ${UNOPENED}) AND $generation != NONE AND !string::ends_with($key, $generation) { CONTINUE };
    LET $output = ${SUMMARY};
    ${SETTLE}
}`,
  },
];
