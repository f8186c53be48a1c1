/**
 * After an action acted: its domain writes, the ledger row with its outcome, and the step's outcome.
 *
 * Invariants
 * - The first success recorded for a key wins: nothing overwrites SUCCEEDED, and the domain writes of a
 *   later success are not applied. So a repetition after a lost acknowledgement changes nothing.
 * - Only the holder of the lease records a failure: a worker whose lease was taken over can't fail an
 *   attempt that another worker is running.
 */
import { RecordId } from 'surrealdb';
import type { Evidence } from '../../../contracts/authorization.js';
import type {
  ActionEnd,
  Execution,
  Invocation,
  InvocationOutcome,
} from '../../../contracts/run/projection.js';
import { domainStatements } from '../../domain/domain-statements.js';
import { type OutcomeColumns, SETTLE_STEP } from '../../domain/outcome.js';
import { stepSettlement, type FastPathWork } from '../../commit/fast-path.js';
import type { Writer } from '../../connection/writer.js';
import { TextWriter } from '../../log/texts.js';
import { commit, Refusal, type Statement } from '../../connection/unit-of-work.js';
import { toError, tryFastPath } from '../../commit/write-events.js';
import { ledgerRow, LIST_INVOCATION, REFUSE_ERASED } from './begin-action.js';
import { formerLedger, IS_OTHER_WORK, REFUSE_KEY } from './use-of-key.js';

const FINISH: Statement = {
  label: 'action_invocation.finish',
  text: `LET $finished = {
  LET $id = type::record('action_invocation', $ledger_key);
  LET $old = (SELECT * FROM ONLY $id);
  IF $old = NONE {
    ${REFUSE_ERASED}
    CREATE $id CONTENT object::extend($ledger_row, $outcome) RETURN NONE;
    ${LIST_INVOCATION}
    true
  } ELSE IF ${IS_OTHER_WORK} {
    ${REFUSE_KEY}
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

/** Evidence is a record: the first one of an attempt stays. */
const EVIDENCE: Statement = {
  label: 'evidence.put',
  text: `IF $finished {
  LET $id = type::record('evidence', $evidence.id);
  IF !record::exists($id) { CREATE $id CONTENT $evidence.row RETURN NONE }
}`,
};

/**
 * Records how an action ended, with its writes and evidence, in one transaction.
 * @throws SluiceError IDEMPOTENCY_KEY_REUSED; INPUT_INVALID for a write that would leave the transaction;
 *   DATABASE_FAILED with the label of the write that failed; DATABASE_UNAVAILABLE
 */
export async function finishAction(
  writer: Writer,
  execution: Execution,
  invocation: Invocation,
  { outcome, writes, holder, evidence }: ActionEnd,
): Promise<void> {
  const { tenant, runId } = execution.run;
  const texts = new TextWriter(writer.database.seal, tenant, runId);
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
    ledger_former: formerLedger(invocation, texts),
    outcome: outcomeColumns(outcome, texts, now),
    holder,
    evidence: evidence && evidenceRow(execution, invocation, { evidence, texts, at: now }),
    ...domain.variables,
    ...texts.variables(),
  };
  const more = [...(evidence === undefined ? [] : [EVIDENCE]), ...domain.statements];
  if (holder !== undefined) {
    const work = {
      ...fastPathEnd(execution, invocation, variables.outcome, holder),
      blobs: texts.variables().blobs,
    };
    if (await tryFastPath(writer, work, more, variables)) return;
  }
  try {
    const statements = [FINISH, ...texts.statements(), SETTLE_STEP, ...more];
    await commit(writer.database, statements, variables, writer.faults);
  } catch (error) {
    throw error instanceof Refusal ? toError(error) : error;
  }
}

/** Columns of a ledger row that hold the outcome. */
export function outcomeColumns(outcome: InvocationOutcome, texts: TextWriter, at: Date): OutcomeColumns {
  const succeeded = outcome.status === 'SUCCEEDED';
  return {
    status: outcome.status,
    output: succeeded ? texts.json(outcome.output) : undefined,
    artifacts: succeeded ? outcome.artifacts.map((artifact) => texts.note(artifact)) : [],
    error: succeeded ? undefined : texts.json(outcome.error),
    error_code: succeeded ? undefined : outcome.error.code,
    finished_at: at,
    lease_until: undefined,
  };
}

/**
 * The end on the fast path: the ledger row is as this attempt's holder began it, and the step's row is
 * open. If not, it misses, and FINISH decides.
 */
function fastPathEnd(
  { run }: Execution,
  invocation: Invocation,
  outcome: OutcomeColumns,
  holder: string,
): FastPathWork {
  const { idempotencyKey, action, local } = invocation;
  const row = new RecordId('action_invocation', [run.tenant, idempotencyKey]);
  return {
    ended: [{ id: row, action, holder, outcome }],
    settled: local ? [] : [stepSettlement(run, invocation, outcome)],
  };
}

/** The key is [tenant, run_id, path, iteration, attempt, kind]: an attempt has one row of each kind. */
export function evidenceRow(
  { run }: Execution,
  { step }: Pick<Invocation, 'step'>,
  {
    evidence: { kind, actor, decision, body },
    texts,
    at,
  }: { readonly evidence: Evidence; readonly texts: TextWriter; readonly at: Date },
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
      body: texts.note(JSON.stringify(body)),
      at,
    },
  };
}
