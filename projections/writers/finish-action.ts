/**
 * After an action acted: its domain writes, the ledger row with its outcome, and the step's outcome.
 *
 * Invariants
 * - The first success recorded for a key wins: nothing overwrites SUCCEEDED, and the domain writes of whoever
 *   comes second are not applied. So a repetition after a lost acknowledgement changes nothing.
 * - A failure is recorded only by the holder of the lease: one whose lease was taken over has no say about an
 *   attempt that another worker has in hand.
 */
import { RecordId } from 'surrealdb';
import type { Evidence } from '../../contracts/authorization.js';
import type {
  Execution,
  DomainStatement,
  Invocation,
  InvocationOutcome,
} from '../../contracts/projection.js';
import { domainStatements } from '../domain-statements.js';
import { SETTLE_STEP, settledUsually } from '../outcome.js';
import { isUnusual, mustFind } from '../usual.js';
import type { Writer } from '../writer.js';
import { TextWriter } from '../texts.js';
import { commit, Refusal, type Statement } from '../unit-of-work.js';
import { ledgerRow, LIST_INVOCATION } from './begin-action.js';
import { toError } from './write-events.js';

const FINISH: Statement = {
  label: 'action_invocation.finish',
  text: `LET $finished = {
  LET $id = type::record('action_invocation', $ledger_key);
  LET $old = (SELECT * FROM ONLY $id);
  IF $old = NONE {
    CREATE $id CONTENT object::extend($ledger_row, $outcome) RETURN NONE;
    ${LIST_INVOCATION}
    true
  } ELSE IF $old.action != $ledger_row.action {
    THROW 'sluice:KEY_REUSED:the key ' + $ledger_key[1] + ' belongs to ' + $old.action + ', not to ' + $ledger_row.action
  } ELSE IF $old.status = 'SUCCEEDED' {
    false
  } ELSE IF $outcome.status = 'FAILED' AND ($old.status = 'FAILED' OR ($holder != NONE AND $old.lease_holder != $holder)) {
    false
  } ELSE {
    UPDATE $id MERGE $outcome RETURN NONE;
    true
  }
}`,
};

/**
 * The usual end: the ledger row stands as this attempt's holder began it, and the step's row is open. Where it does
 * not, this fails, and FINISH decides.
 */
const FINISH_USUALLY: readonly Statement[] = [
  mustFind(
    'action_invocation.finish',
    `UPDATE $invocation MERGE $outcome WHERE action = $ledger_row.action AND status = 'STARTED' AND lease_holder = $holder RETURN VALUE attempts`,
  ),
  { label: 'finished', text: 'LET $finished = true' },
];

/** Evidence is a record: the first of an attempt stays. */
const EVIDENCE: Statement = {
  label: 'evidence.put',
  text: `IF $finished {
  LET $id = type::record('evidence', $evidence.id);
  IF !record::exists($id) { CREATE $id CONTENT $evidence.row RETURN NONE }
}`,
};

/**
 * @param holder whose lease the attempt ran under; absent: whoever's
 * @throws SluiceError IDEMPOTENCY_KEY_REUSED; INPUT_INVALID for a write that would leave the transaction;
 *   DATABASE_FAILED with the label of the write that failed; DATABASE_UNAVAILABLE
 */
export async function finishAction(
  { database, faults }: Writer,
  execution: Execution,
  invocation: Invocation,
  outcome: InvocationOutcome,
  writes: readonly DomainStatement[],
  holder?: string,
  evidence?: Evidence,
): Promise<void> {
  const { tenant, runId } = execution.run;
  const texts = new TextWriter(tenant, runId);
  const now = new Date();
  const domain = domainStatements(writes);
  const key = [tenant, invocation.idempotencyKey];
  const variables = {
    ledger_key: key,
    ledger_row: {
      ...ledgerRow(execution, invocation, texts),
      attempts: 1,
      lease_holder: holder,
      started_at: now,
    },
    outcome: {
      status: outcome.status,
      output: outcome.status === 'SUCCEEDED' ? texts.json(outcome.output) : undefined,
      artifacts: outcome.status === 'SUCCEEDED' ? outcome.artifacts : [],
      error: outcome.status === 'FAILED' ? texts.json(outcome.error) : undefined,
      error_code: outcome.status === 'FAILED' ? outcome.error.code : undefined,
      finished_at: now,
      lease_until: undefined,
    },
    holder,
    evidence: evidence && evidenceRow(execution, invocation, evidence, now),
    ...domain.variables,
    ...texts.variables(),
  };
  const proof = evidence === undefined ? [] : [EVIDENCE];
  const statements = [FINISH, ...texts.statements(), SETTLE_STEP, ...proof, ...domain.statements];
  try {
    if (holder !== undefined) {
      const settled = settledUsually(execution, invocation, variables.outcome);
      const usual = [...FINISH_USUALLY, ...texts.statements(), ...settled.statements, ...proof];
      try {
        await commit(
          database,
          [...usual, ...domain.statements],
          { ...variables, ...settled.variables, invocation: new RecordId('action_invocation', key) },
          faults,
        );
        return;
      } catch (error) {
        if (!isUnusual(error)) throw error;
      }
    }
    await commit(database, statements, variables, faults);
  } catch (error) {
    throw error instanceof Refusal ? toError(error) : error;
  }
}

/** [tenant, run_id, path, iteration, attempt, kind]: one of each kind for an attempt. */
function evidenceRow(
  { run }: Execution,
  { step }: Invocation,
  { kind, actor, decision, body }: Evidence,
  at: Date,
): { readonly id: readonly unknown[]; readonly row: Readonly<Record<string, unknown>> } {
  return {
    id: [run.tenant, run.runId, step.path, step.iteration, step.attempt, kind],
    row: {
      tenant: run.tenant,
      run_id: run.runId,
      path: step.path,
      kind,
      actor,
      decision,
      body: JSON.stringify(body),
      at,
    },
  };
}
