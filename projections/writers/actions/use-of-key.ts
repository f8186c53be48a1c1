/**
 * Whose key it is.
 *
 * Invariant: a key answers only for the work that it was used for first. That is the same step execution
 * (run, place), also if its input is another by now: after a reset an input may hold another time. Or it is
 * another step execution with the same action and the same input. Anything else is IDEMPOTENCY_KEY_REUSED, in
 * every state of the row.
 *
 * The input is compared by a digest, which has secrets by name and does not depend on the order of keys. A
 * row that was written before there were digests is compared by the text of its input.
 */
import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Invocation } from '../../../contracts/run/projection.js';
import type { TextWriter } from '../../log/texts.js';

/** What a key is used for, as text. */
function digestOf({ action, input }: Pick<Invocation, 'action' | 'input'>): string {
  return createHash('sha256')
    .update(canonicalize([action, input]) ?? '')
    .digest('hex');
}

/** The digest of a ledger row. */
export function ledgerDigest(invocation: Invocation, texts: TextWriter): string {
  return texts.digest(digestOf(invocation), 'invocation');
}

/** What a row of the same work holds if it is older than the key ring; undefined without a ring. */
export function formerLedger(
  invocation: Invocation,
  texts: TextWriter,
): { readonly digest: string; readonly input: string | undefined } | undefined {
  const input = texts.formerDigest(invocation.input);
  return input === undefined ? undefined : { digest: digestOf(invocation), input };
}

const SAME_PLACE =
  '$old.run_id = $ledger_row.run_id AND $old.path = $ledger_row.path AND $old.iteration = $ledger_row.iteration';
/** `$ledger_former`: what the row holds if it was written before the key ring was configured. */
const SAME_INPUT = `IF $old.digest = NONE {
  fn::value_tag($old.input) = fn::value_tag($ledger_row.input) OR ($ledger_former.input != NONE AND ($old.input = '@' + $ledger_former.input OR crypto::sha256($old.input ?? '') = $ledger_former.input))
} ELSE { $old.digest = $ledger_row.digest OR $old.digest = $ledger_former.digest }`;

/** True where `$old`, the row of the key, is of other work than `$ledger_row`. */
export const IS_OTHER_WORK = `$old.action != $ledger_row.action OR !((${SAME_PLACE}) OR (${SAME_INPUT}))`;

/** Refuses such a key. */
export const REFUSE_KEY = `THROW 'sluice:KEY_REUSED:the key ' + $ledger_key[1] + ' belongs to ' + $old.action + ' at ' + $old.path + ' ' + <string> $old.iteration + ' of run ' + $old.run_id + ', not to ' + $ledger_row.action + (IF $old.action = $ledger_row.action { ' with another input' } ELSE { '' })`;
