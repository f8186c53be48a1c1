/**
 * Begin and end of an action in one transaction, after it acted.
 *
 * Invariant: what the ledger says of the key is found by the transaction that writes it. Where a row is there already,
 * or anything else is not as in a run that nothing disturbs, nothing was written, and begin and end are written one
 * after the other as for any action: begin-action.ts then decides whether this outcome is the one that counts.
 */
import type {
  BeginDecision,
  EndedInvocation,
  Execution,
  Invocation,
} from '../../../contracts/run/projection.js';
import type { RunEvent } from '../../../contracts/run/run-events.js';
import { domainStatements } from '../../domain/domain-statements.js';
import { stepRowKey } from '../../log/keys.js';
import { settledColumns } from '../../domain/outcome.js';
import { TextWriter } from '../../log/texts.js';
import { joinWork, settledStep, type UsualWork } from '../../commit/fast-path.js';
import type { Writer } from '../../connection/writer.js';
import { usualEvents, wroteUsually } from '../../commit/write-events.js';
import { beginAction, ledgerRow } from './begin-action.js';
import { finishAction, outcomeColumns } from './finish-action.js';

/** @throws SluiceError as `beginAction` and `finishAction` do */
export async function recordAction(
  writer: Writer,
  execution: Execution,
  events: readonly RunEvent[],
  invocation: Invocation,
  ended: EndedInvocation,
): Promise<BeginDecision> {
  const { lease, outcome, writes } = ended;
  const usual = usualEvents(execution, events);
  if (usual !== undefined) {
    const own = domainStatements(writes);
    const work = withAction(usual, execution, invocation, ended);
    if (await wroteUsually(writer, work, own.statements, own.variables)) return { kind: 'execute' };
  }
  const decision = await beginAction(writer, execution, events, invocation, lease);
  if (decision.kind === 'execute') {
    await finishAction(writer, execution, invocation, outcome, writes, lease.holder);
  }
  return decision;
}

function withAction(
  usual: UsualWork,
  execution: Execution,
  invocation: Invocation,
  { lease, startedAt, outcome }: EndedInvocation,
): UsualWork {
  const { run } = execution;
  const { idempotencyKey, step, local } = invocation;
  const texts = new TextWriter(run.tenant, run.runId);
  const columns = outcomeColumns(outcome, texts, new Date());
  const row = {
    id: [run.tenant, idempotencyKey],
    ...ledgerRow(execution, invocation, texts),
    attempts: 1,
    lease_holder: lease.holder,
    started_at: new Date(startedAt),
    ...columns,
  };
  const place = JSON.stringify(stepRowKey(run, step));
  const set = settledColumns(columns);
  const { opened = [] } = usual;
  // A step that begins here is made with its outcome; the start of another lane's may be on its way elsewhere.
  const isOwn = ({ id }: { readonly id: unknown }): boolean => !local && JSON.stringify(id) === place;
  return joinWork([
    { ...usual, opened: opened.map((one) => (isOwn(one) ? { ...one, ...set } : one)) },
    {
      invocations: [row],
      listed: [{ id: [run.tenant, run.runId, idempotencyKey] }],
      settled: local || opened.some(isOwn) ? [] : [settledStep(run, invocation, columns)],
      blobs: texts.variables().blobs,
    },
  ]);
}
