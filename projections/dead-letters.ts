/**
 * Writing dead letters: by hand-over (`putDeadLetters`), and from run events, in the transaction of the log.
 *
 * Invariant: a letter is written once, whatever is sent twice; what an operator did about it is not undone by
 * a repetition. `dead_letter_list` holds each letter once, under its status: plain rows, like `run_list`.
 */
import { createHash } from 'node:crypto';
import type { NewDeadLetter } from '../contracts/dead-letter.js';
import type { Execution } from '../contracts/projection.js';
import type { RunEvent } from '../contracts/run-events.js';
import type { EventStatements } from './apply.js';
import { listKey } from './keys.js';
import { TextWriter } from './texts.js';
import type { Statement } from './unit-of-work.js';

const PUT: Statement = {
  label: 'dead_letter.put',
  text: `FOR $d IN $dead_letters {
  LET $id = type::record('dead_letter', $d.id);
  IF !record::exists($id) {
    CREATE $id CONTENT $d.row RETURN NONE;
    UPSERT type::record('dead_letter_list', [$d.id[0], 'OPEN', $d.row.list_key]) RETURN NONE
  }
}`,
};

/** Id of a letter: the same for the same parts. */
export function deadLetterId(kind: NewDeadLetter['kind'], ...parts: readonly (string | number)[]): string {
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  return `${kind}-${hash.slice(0, 24)}`;
}

/** The statements that write letters; none for none. */
export function deadLetterStatements(letters: readonly NewDeadLetter[]): EventStatements {
  const [first] = letters;
  if (first === undefined) return { statements: [], variables: {} };
  const texts = new TextWriter(first.tenant, 'dead-letter');
  const rows = letters.map((letter) => ({
    id: [letter.tenant, letter.id],
    row: {
      tenant: letter.tenant,
      kind: letter.kind,
      run_id: letter.runId,
      subject: letter.subject,
      body: letter.body === undefined ? undefined : texts.json(letter.body),
      reason: letter.reason,
      error_code: letter.errorCode,
      retry_with: texts.json(letter.retryWith),
      status: 'OPEN',
      list_key: listKey(new Date(letter.at), letter.id),
      created_at: new Date(letter.at),
    },
  }));
  return {
    statements: [
      PUT,
      ...texts.statements().map(({ label, text }) => ({
        label: `dead-letter-${label}`,
        text: text.replace('$blobs', '$dead_letter_blobs'),
      })),
    ],
    variables: { dead_letters: rows, dead_letter_blobs: texts.variables().blobs },
  };
}

/** The letters of compensations that these events say have failed for good. */
export function lettersOf({ run }: Execution, events: readonly RunEvent[]): readonly NewDeadLetter[] {
  return events.flatMap((event) => {
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
