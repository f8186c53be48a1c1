/**
 * Writing dead letters: on request (`putDeadLetters`), and from run events, in the transaction of the log.
 *
 * Invariants
 * - A letter is written once, however often it is sent; a repetition does not undo what an operator did
 *   about it. What fails anew after a retry opens it again (`reopens`). `dead_letter_list` holds each letter
 *   once, under its status: plain rows, like `run_list`.
 * - No letter is open about a step that a living run can still compensate. A run that ended from outside
 *   leaves a letter for each step that was not compensated, named by run and compensation key. A reset
 *   makes the run alive again, and the commit that says that a step is (still, or again) on its stack
 *   withdraws the letter. A compensation that failed in a future that a reset superseded is withdrawn with
 *   its event. The letter of a step that the run never reaches again stays.
 */
import { createHash } from 'node:crypto';
import type { DeadLetterAct, NewDeadLetter } from '../../contracts/events/dead-letter.js';
import type { Execution } from '../../contracts/run/projection.js';
import { LIMITS } from '../../contracts/limits.js';
import { EventSignal } from '../../contracts/run/messages.js';
import type { RunEvent, RunEventData } from '../../contracts/run/run-events.js';
import { listKey } from '../log/keys.js';
import { TextWriter } from '../log/texts.js';
import type { ValueSeal } from '../values/value-seal.js';
import type { Statement } from '../connection/unit-of-work.js';
import type { BoundStatements } from './row-merge.js';

/** @param guard a variable of the transaction: where its array is empty, nothing is written */
const put = (guard: string | undefined): Statement => ({
  label: 'dead_letter.put',
  text: `IF ${guard === undefined ? 'true' : `array::len(${guard}) > 0`} { FOR $d IN $dead_letters {
  LET $id = type::record('dead_letter', $d.id);
  LET $old = (SELECT status, acts, list_key FROM ONLY $id);
  IF $old = NONE {
    CREATE $id CONTENT $d.row RETURN NONE;
    UPSERT type::record('dead_letter_list', [$d.id[0], 'OPEN', $d.row.list_key]) RETURN NONE
  } ELSE IF $d.reopening != NONE AND $old.status IN ['RETRIED', 'DISMISSED'] AND ($d.always OR string::contains(array::last($old.acts) ?? '', '"act":"withdraw"')) {
    UPDATE $id SET status = 'OPEN', resolved_at = NONE, acts += $d.reopening, reason = $d.row.reason, error_code = $d.row.error_code, retry_with = $d.row.retry_with, body = $d.row.body RETURN NONE;
    DELETE type::record('dead_letter_list', [$d.id[0], $old.status, $old.list_key]) RETURN NONE;
    UPSERT type::record('dead_letter_list', [$d.id[0], 'OPEN', $old.list_key]) RETURN NONE
  }
} }`,
});

/** The actor, in the audit, of letters that Sluice withdraws or reopens. */
const SELF = 'sluice';

const WITHDRAW: Statement = {
  label: 'dead_letter.withdraw',
  text: `FOR $letter IN $withdrawn {
  LET $id = type::record('dead_letter', $letter);
  LET $old = (SELECT status, list_key FROM ONLY $id);
  IF $old != NONE AND $old.status = 'OPEN' {
    UPDATE $id SET status = 'DISMISSED', resolved_at = time::now(), acts += $withdrawal RETURN NONE;
    DELETE type::record('dead_letter_list', [$letter[0], 'OPEN', $old.list_key]) RETURN NONE;
    UPSERT type::record('dead_letter_list', [$letter[0], 'DISMISSED', $old.list_key]) RETURN NONE
  }
}`,
};

/**
 * Id of the letter about a step of a run that ended before it could compensate it.
 * @param key the idempotency key of the compensation
 */
export function compensationLetterId(runId: string, key: string): string {
  return deadLetterId('compensation', runId, key);
}

/**
 * The statements that withdraw those of the letters that are open; none for no letters.
 * @param ids letters of the tenant
 */
export function withdrawalStatements(tenant: string, ids: readonly string[]): BoundStatements {
  if (ids.length === 0) return { statements: [], variables: {} };
  return {
    statements: [WITHDRAW],
    variables: {
      withdrawn: ids.map((id) => [tenant, id]),
      // Never encrypted: it holds no value, and `put` looks for its act.
      withdrawal: actText('withdraw', 'The run was reset, and answers for this again'),
    },
  };
}

/** Ids of the letters about steps that a living run, as these events say, can compensate itself. */
export function answeredLetters(runId: string, events: readonly RunEvent[]): readonly string[] {
  return events.flatMap(({ data }) =>
    'undo' in data && data.undo !== undefined ? [compensationLetterId(runId, data.undo.key)] : [],
  );
}

/** Id of the letter about the triggers of a definition that failed for an event. */
export function triggerLetterId(source: string, id: string, definition: string): string {
  return deadLetterId('trigger', source, id, definition);
}

/** Ids of the letters that these events wrote. */
export function failedLetters(runId: string, events: readonly RunEvent[]): readonly string[] {
  return events.flatMap(({ type, seq, at }) =>
    type === 'COMPENSATION_FAILED' ? [deadLetterId('compensation', runId, seq, at)] : [],
  );
}

function actText(act: 'withdraw' | 'reopen', note: string): string {
  return JSON.stringify({ at: new Date().toISOString(), actor: SELF, act, note } satisfies DeadLetterAct);
}

/** Id of a letter: the same for the same parts. */
function deadLetterId(kind: NewDeadLetter['kind'], ...parts: readonly (string | number)[]): string {
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  return `${kind}-${hash.slice(0, 24)}`;
}

/**
 * The statements that write letters; none for no letters.
 * @param guard a variable of the transaction: where its array is empty, no letter is written
 */
export function deadLetterStatements(
  seal: ValueSeal,
  letters: readonly NewDeadLetter[],
  guard?: '$ended',
): BoundStatements {
  const [first] = letters;
  if (first === undefined) return { statements: [], variables: {} };
  const texts = new TextWriter(seal, first.tenant, 'dead-letter');
  const rows = letters.map((letter) => ({
    id: [letter.tenant, letter.id],
    reopening: letter.reopens === undefined ? undefined : texts.note(actText('reopen', letter.reason)),
    always: letter.reopens === 'always',
    row: {
      tenant: letter.tenant,
      kind: letter.kind,
      run_id: letter.runId,
      subject: letter.subject,
      body: letter.body === undefined ? undefined : texts.json(letter.body),
      reason: texts.note(letter.reason),
      error_code: letter.errorCode,
      retry_with: texts.json(letter.retryWith),
      status: 'OPEN',
      list_key: listKey(new Date(letter.at), letter.id),
      created_at: new Date(letter.at),
    },
  }));
  return {
    statements: [
      put(guard),
      ...texts.statements().map(({ label, text }) => ({
        label: `dead-letter-${label}`,
        text: text.replace('$blobs', '$dead_letter_blobs'),
      })),
    ],
    variables: { dead_letters: rows, dead_letter_blobs: texts.variables().blobs },
  };
}

/**
 * Letters about what these events say was given up: compensations that have failed for good, and events
 * without an audit row that the run could not keep.
 */
export function lettersOf(
  { run, workflowId }: Execution,
  events: readonly RunEvent[],
): readonly NewDeadLetter[] {
  return events.flatMap((event): NewDeadLetter[] => {
    if (event.type === 'EVENT_DROPPED' && event.data.event !== undefined) {
      return [
        {
          tenant: run.tenant,
          id: deadLetterId('delivery', run.runId, event.seq, event.at),
          kind: 'delivery',
          runId: run.runId,
          subject: event.data.eventName,
          ...deliveryOf(workflowId, event.data),
          at: event.at,
        },
      ];
    }
    if (event.type !== 'COMPENSATION_FAILED') return [];
    const { request, error } = event.data;
    return [
      {
        tenant: run.tenant,
        id: deadLetterId('compensation', run.runId, event.seq, event.at),
        kind: 'compensation' as const,
        runId: run.runId,
        subject: subjectOf(request),
        reason: `${error.code}: ${error.message}`,
        errorCode: error.code,
        retryWith: request.problem === undefined ? { ...request, run } : undefined,
        body: request.problem === undefined ? undefined : JSON.stringify(request.payload),
        at: event.at,
      },
    ];
  });
}

/** Why an event without an audit row was not kept, and what a retry needs; nothing where none can help. */
function deliveryOf(
  workflowId: string,
  { reason, event }: RunEventData<'EVENT_DROPPED'>,
): Pick<NewDeadLetter, 'reason' | 'retryWith' | 'body' | 'errorCode'> {
  const signal = EventSignal.safeParse(event);
  if (signal.data?.omitted === true) {
    return {
      reason: `EVENT_TOO_LARGE: a run takes no event over ${LIMITS.eventBytes} bytes; its payload is in the history of ${workflowId} in Temporal`,
      errorCode: 'EVENT_TOO_LARGE',
      body: JSON.stringify(event),
    };
  }
  return {
    reason:
      reason === 'too_large'
        ? `EVENT_DROPPED: no wait was open for it, and a run buffers no event over ${LIMITS.bufferedBytes} bytes`
        : 'EVENT_DROPPED: the run keeps no more events that none of its waits has taken',
    retryWith: { workflowId, signal: event },
  };
}

/** A compensation, for people: `payments.refund of charge[0]`. */
function subjectOf({
  action,
  step,
}: {
  readonly action: string;
  readonly step: { readonly id: string; readonly iteration: readonly number[] };
}): string {
  const iteration = step.iteration.length === 0 ? '' : `[${step.iteration.join(',')}]`;
  return `${action} of ${step.id}${iteration}`;
}
