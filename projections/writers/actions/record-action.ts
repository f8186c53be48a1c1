/**
 * Begin and end of an action in one transaction, after it acted.
 *
 * Invariant: the transaction that writes the ledger row also finds out whether the key was used. If a row
 * exists already, or any other row does not fit the fast path, nothing was written; begin and end are then
 * two transactions, as for any action, and begin-action.ts decides whether this outcome counts.
 */
import type {
  BeginDecision,
  EndedInvocation,
  Execution,
  Invocation,
} from '../../../contracts/run/projection.js';
import { domainStatements } from '../../domain/domain-statements.js';
import { stepRowKey } from '../../log/keys.js';
import { outcomeInStep } from '../../domain/outcome.js';
import { TextWriter } from '../../log/texts.js';
import { joinWork, stepSettlement, type FastPathWork } from '../../commit/fast-path.js';
import type { Writer } from '../../connection/writer.js';
import type { NewEvents } from '../../commit/from-log.js';
import { fastPathForEvents, tryFastPath } from '../../commit/write-events.js';
import { beginAction, headToRead, ledgerRow } from './begin-action.js';
import { finishAction, outcomeColumns } from './finish-action.js';

/**
 * @returns `execute`: this outcome is recorded; else the record that prevails
 * @throws SluiceError what `beginAction` and `finishAction` throw
 */
export async function recordAction(
  writer: Writer,
  { execution, events }: NewEvents,
  invocation: Invocation,
  ended: EndedInvocation,
): Promise<BeginDecision> {
  const { lease, outcome, writes } = ended;
  const eventWork = fastPathForEvents(writer.database.seal, execution, events);
  if (eventWork !== undefined) {
    const domain = domainStatements(writes);
    const kept = headToRead(execution, events);
    const work = withAction({ ...eventWork, kept }, execution, invocation, {
      ...ended,
      texts: new TextWriter(writer.database.seal, execution.run.tenant, execution.run.runId),
    });
    if (await tryFastPath(writer, work, domain.statements, domain.variables)) return { kind: 'execute' };
  }
  const decision = await beginAction(writer, { execution, events }, invocation, lease);
  if (decision.kind === 'execute') {
    await finishAction(writer, execution, invocation, { outcome, writes, holder: lease.holder });
  }
  return decision;
}

function withAction(
  eventWork: FastPathWork,
  execution: Execution,
  invocation: Invocation,
  { lease, startedAt, outcome, texts }: EndedInvocation & { readonly texts: TextWriter },
): FastPathWork {
  const { run } = execution;
  const { idempotencyKey, step, local } = invocation;
  const columns = outcomeColumns(outcome, texts, new Date());
  const ledger = {
    id: [run.tenant, idempotencyKey],
    ...ledgerRow(execution, invocation, texts),
    attempts: 1,
    lease_holder: lease.holder,
    started_at: new Date(startedAt),
    ...columns,
  };
  const place = JSON.stringify(stepRowKey(run, step));
  const set = outcomeInStep(columns);
  const { opened = [] } = eventWork;
  // A step that begins here is created with its outcome; its start may also travel with another commit.
  const isOwn = ({ id }: { readonly id: unknown }): boolean => !local && JSON.stringify(id) === place;
  return joinWork([
    { ...eventWork, opened: opened.map((row) => (isOwn(row) ? { ...row, ...set } : row)) },
    {
      invocations: [ledger],
      listed: [{ id: [run.tenant, run.runId, idempotencyKey] }],
      settled: local || opened.some(isOwn) ? [] : [stepSettlement(run, invocation, columns)],
      blobs: texts.variables().blobs,
    },
  ]);
}
