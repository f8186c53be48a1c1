/**
 * Before an action acts: the pending events, and the ledger row as STARTED under a lease.
 *
 * The ledger row, by tenant and idempotency key:
 *
 *   (none) ── begin ──▶ STARTED ── finish ──▶ SUCCEEDED   final: later begins get its output
 *                        ▲   └──── finish ──▶ FAILED
 *                        └──────── begin ◀──────┘          attempts + 1, same row
 *
 * STARTED is taken over by a regular activity only. For a local one it is `unended`, and the row stays: an
 * attempt that began has not ended, so it may have killed its worker.
 * A key that was used for other work is refused (use-of-key.ts), in every state.
 * STARTED under another holder's live lease is `held`; a stale lease is taken over. The decision is made
 * inside the transaction that writes the row: of two workers at once, one loses the write conflict, is sent
 * again, and sees the other. A lease begins and ends on the database's clock: a worker whose clock is wrong
 * holds its attempts no longer than others.
 */
import { RecordId } from 'surrealdb';
import { z } from 'zod';
import { SluiceError } from '../../../contracts/errors.js';
import type { BeginDecision, Execution, Invocation, Lease } from '../../../contracts/run/projection.js';
import type { Json } from '../../../contracts/json.js';
import type { Writer } from '../../connection/writer.js';
import { runRowKey } from '../../log/keys.js';
import { loadJson, TextWriter } from '../../log/texts.js';
import type { Statement } from '../../connection/unit-of-work.js';
import { writeEvents, type Companions } from '../../commit/write-events.js';
import type { NewEvents } from '../../commit/from-log.js';
import { formerLedger, IS_OTHER_WORK, ledgerDigest, REFUSE_KEY } from './use-of-key.js';

/** An erased run begins no action, and none of its actions ends (erasure/erase-run.ts). */
export const REFUSE_ERASED = `IF (SELECT VALUE erased_at FROM ONLY type::record('run_head', [$ledger_key[0], $ledger_row.run_id])) != NONE { THROW 'sluice:ERASED' };`;

/** Lists the ledger row under its run. A key that runs share is listed under each. */
export const LIST_INVOCATION = `UPSERT type::record('run_invocation', [$ledger_key[0], $ledger_row.run_id, $ledger_key[1]]) RETURN NONE;`;

const BEGIN: Statement = {
  label: 'action_invocation.begin',
  text: `LET $decision = {
  LET $now = time::millis(time::now());
  LET $row = object::extend($ledger_row, { lease_until: $now + $ledger_row.lease_until });
  LET $id = type::record('action_invocation', $ledger_key);
  LET $old = (SELECT * FROM ONLY $id);
  IF $old = NONE {
    ${REFUSE_ERASED}
    CREATE $id CONTENT $row RETURN NONE;
    ${LIST_INVOCATION}
    { kind: 'execute' }
  } ELSE IF ${IS_OTHER_WORK} {
    ${REFUSE_KEY}
  } ELSE IF $old.status = 'SUCCEEDED' {
    { kind: 'recorded', owner: $old.run_id, output: $old.output, artifacts: $old.artifacts }
  } ELSE IF $old.status = 'STARTED' AND $old.lease_holder != $ledger_row.lease_holder AND $old.lease_until > $now {
    { kind: 'held', forMs: $old.lease_until - $now }
  } ELSE IF $old.status = 'STARTED' AND $ledger_row.local {
    { kind: 'unended' }
  } ELSE {
    IF $old.run_id != $ledger_row.run_id { ${LIST_INVOCATION} };
    UPDATE $id MERGE object::extend($row, {
      attempts: IF $old.lease_holder = $ledger_row.lease_holder AND $old.status = 'STARTED' { $old.attempts } ELSE { $old.attempts + 1 },
      output: NONE, error: NONE, error_code: NONE, finished_at: NONE
    }) RETURN NONE;
    { kind: 'execute' }
  }
}`,
};

const DECIDED: Statement = { label: 'decision', text: '$decision' };

const Decision = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('execute') }),
  z.object({
    kind: z.literal('recorded'),
    owner: z.string(),
    output: z.string().optional(),
    artifacts: z.array(z.string()),
  }),
  z.object({ kind: z.literal('held'), forMs: z.number() }),
  z.object({ kind: z.literal('unended') }),
]);

/**
 * Commits the pending events, and begins the action unless its key says otherwise.
 * @throws SluiceError IDEMPOTENCY_KEY_REUSED, and what `commitEvents` throws
 */
export async function beginAction(
  writer: Writer,
  { execution, events }: NewEvents,
  invocation: Invocation,
  lease: Lease,
): Promise<BeginDecision> {
  const { tenant } = execution.run;
  const texts = new TextWriter(writer.database.seal, tenant, execution.run.runId);
  const row = {
    ...ledgerRow(execution, invocation, texts),
    status: 'STARTED',
    artifacts: [],
    attempts: 1,
    lease_holder: lease.holder,
    // From now on; the statements add the database's clock.
    lease_until: lease.forMs,
    started_at: new Date(),
  };
  const blobs = texts.statements().map(renamed);
  const key = [tenant, invocation.idempotencyKey];
  const variables = {
    ledger_row: row,
    ledger_former: formerLedger(invocation, texts),
    ledger_blobs: texts.variables().blobs,
  };
  const companions: Companions = {
    general: { statements: [...blobs, BEGIN, DECIDED], variables: { ...variables, ledger_key: key } },
    // The fast path expects an unused key. If the row exists, it misses, and BEGIN decides.
    fastPath: {
      invocations: [{ id: key, ...row }],
      listed: [{ id: [tenant, execution.run.runId, invocation.idempotencyKey] }],
      blobs: variables.ledger_blobs,
      kept: headToRead(execution, events),
    },
  };
  const answers = await writeEvents(writer, execution, events, companions);
  if (answers === undefined) return { kind: 'execute' };
  const decision = Decision.parse(answers.get('decision'));
  if (decision.kind !== 'recorded') return decision;
  if (decision.output === undefined) {
    throw new SluiceError('DATABASE_FAILED', `The ledger row ${invocation.idempotencyKey} has no output`);
  }
  const decode = await loadJson(writer.database, tenant, decision.owner, [decision.output]);
  const output: Json = decode(decision.output) ?? null;
  return { kind: 'recorded', output, artifacts: decision.artifacts };
}

/** The run's head, where no event of the commit looks at it. */
export function headToRead({ run }: Execution, events: NewEvents['events']): readonly RecordId[] {
  return events.length > 0 ? [] : [new RecordId('run_head', [...runRowKey(run)])];
}

/** The ledger's blobs, under another variable than the blobs of the events in the same transaction. */
function renamed(statement: Statement): Statement {
  return { label: `ledger-${statement.label}`, text: statement.text.replace('$blobs', '$ledger_blobs') };
}

/** Columns of a ledger row that say what is invoked, and by which step. */
export function ledgerRow(
  execution: Execution,
  invocation: Invocation,
  texts: TextWriter,
): Readonly<Record<string, unknown>> {
  return {
    run_id: execution.run.runId,
    action: invocation.action,
    action_version: invocation.actionVersion,
    path: invocation.step.path,
    step_id: invocation.step.id,
    iteration: invocation.step.iteration,
    attempt: invocation.step.attempt,
    local: invocation.local,
    input: texts.json(invocation.input),
    digest: ledgerDigest(invocation, texts),
  };
}
