/**
 * What operators do about a dead letter. An act is added to the letter's row together with the new status,
 * so that every act leaves a trace. Two operators who act at once write the same row, and one of them is
 * refused. The same act again (an equal text, time included) changes nothing.
 */
import { z } from 'zod';
import type { DeadLetterAct, DeadLetterStatus, NewDeadLetter } from '../../contracts/events/dead-letter.js';
import { SluiceError } from '../../contracts/errors.js';
import { deadLetterStatements } from '../domain/dead-letters.js';
import { TextWriter } from '../log/texts.js';
import type { Writer } from '../connection/writer.js';
import { commit } from '../connection/unit-of-work.js';

/** Writes letters; those that exist already stay as they are. @throws SluiceError DATABASE_* */
export async function putDeadLetters(
  { database, faults }: Writer,
  letters: readonly NewDeadLetter[],
): Promise<void> {
  const { statements, variables } = deadLetterStatements(database.seal, letters);
  if (statements.length > 0) await commit(database, statements, variables, faults);
}

export interface DeadLetterMove {
  readonly from: readonly DeadLetterStatus[];
  readonly to: DeadLetterStatus;
  readonly act: DeadLetterAct;
}

/**
 * Moves a letter from one of `from` to `to`, and adds the act to its audit.
 * @throws SluiceError DEAD_LETTER_NOT_FOUND; DEAD_LETTER_CLOSED where it is in another status
 */
export async function moveDeadLetter(
  { database, faults }: Writer,
  tenant: string,
  id: string,
  { from, to, act }: DeadLetterMove,
): Promise<void> {
  const answers = await commit(
    database,
    [
      {
        label: 'dead_letter.move',
        text: `{
  LET $id = type::record('dead_letter', $letter);
  LET $old = (SELECT status, list_key, acts FROM ONLY $id);
  IF $old = NONE { 'missing' }
  ELSE IF $old.status = $to AND array::last($old.acts) = $act { 'moved' }
  ELSE IF $old.status NOT IN $from { $old.status }
  ELSE {
    UPDATE $id SET status = $to, acts += $act, resolved_at = IF $closed { time::now() } ELSE { NONE } RETURN NONE;
    DELETE type::record('dead_letter_list', [$letter[0], $old.status, $old.list_key]) RETURN NONE;
    UPSERT type::record('dead_letter_list', [$letter[0], $to, $old.list_key]) RETURN NONE;
    'moved'
  }
}`,
      },
    ],
    {
      letter: [tenant, id],
      from: [...from],
      to,
      act: new TextWriter(database.seal, tenant, id).note(JSON.stringify(act)),
      closed: to === 'RETRIED' || to === 'DISMISSED',
    },
    faults,
  );
  const outcome = z.string().parse(answers.get('dead_letter.move'));
  if (outcome === 'moved') return;
  if (outcome === 'missing') {
    throw new SluiceError('DEAD_LETTER_NOT_FOUND', `Tenant "${tenant}" has no dead letter ${id}`);
  }
  throw new SluiceError('DEAD_LETTER_CLOSED', `The dead letter ${id} is ${outcome}`, {
    details: { id, status: outcome },
  });
}

/**
 * Makes a row of the outbox due again: the relay sends it, under the same event id.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function requeueOutbox(
  { database, faults }: Writer,
  key: readonly (string | number)[],
): Promise<void> {
  await commit(
    database,
    [
      {
        label: 'outbox.requeue',
        text: `IF (SELECT VALUE status FROM ONLY type::record('outbox', $key)) = 'DEAD' {
  UPDATE type::record('outbox', $key) SET status = 'PENDING', attempts = 0 RETURN NONE;
  UPSERT type::record('outbox_due', $key) RETURN NONE
}`,
      },
    ],
    { key: [...key] },
    faults,
  );
}
