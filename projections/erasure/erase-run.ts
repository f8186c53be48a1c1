/**
 * Erases a run: its rows stay and say that it was, when, by whom and how it ended; its values go.
 *
 * Invariants
 * - One transaction: a run is erased, or it is as it was. Doing it again changes nothing.
 * - An open run is refused, and one whose published events are not sent yet.
 * - [erased-stays-erased] The head of its log stays, marked. Every commit of a run reads or writes its
 *   head, so what an activity, a rebuild or the reconciler brings later is RUN_ERASED, and brings
 *   nothing back.
 */
import { TERMINAL_RUN_STATUSES } from '../../contracts/run/run.js';
import { SluiceError } from '../../contracts/errors.js';
import { commit, Refusal, type Statement } from '../connection/unit-of-work.js';
import type { Writer } from '../connection/writer.js';
import { FREE_WAITS_OF_RUN } from '../domain/freed-keys.js';
import { blank } from './blank.js';

/** The rows of one run in a table. */
const own = (table: string): string => `${table}:[$run[0], $run[1]]..[$run[0], $run[1], ..]`;

const EMPTIED = ['step', 'wait', 'outbox', 'evidence'] as const;
const REMOVED = ['run_event', 'blob', 'run_invocation'];

const ERASE: readonly Statement[] = [
  {
    label: 'run.check',
    text: `{
  LET $row = (SELECT status FROM ONLY type::record('run', $run));
  IF $row = NONE { THROW 'sluice:MISSING' };
  IF $row.status NOT IN $closed { THROW 'sluice:OPEN' };
  IF array::len((SELECT id FROM ${own('outbox_due')} LIMIT 1)) > 0 { THROW 'sluice:DUE' };
}`,
  },
  {
    label: 'run_head.mark',
    // In this engine the values of an UPSERT do not see the row that it changes.
    text: `{
  LET $id = type::record('run_head', $run);
  LET $old = (SELECT * FROM ONLY $id);
  UPSERT $id CONTENT {
    erased_at: $old.erased_at ?? time::now(), execution: 'erased', execution_first: $old.execution_first ?? 1, executions: $old.executions ?? 1,
    last_seq: $old.last_seq ?? 0, last_event_at: $old.last_event_at ?? time::now(), revision: ($old.revision ?? 0) + 1
  } RETURN NONE;
}`,
  },
  {
    label: 'run_invocation.read',
    text: `LET $keys = (SELECT VALUE id[2] FROM ${own('run_invocation')})`,
  },
  {
    // Runs may share a key that an author chose: the row belongs to the run that used it last.
    label: 'action_invocation.remove',
    text: `FOR $key IN $keys { DELETE type::record('action_invocation', [$run[0], $key]) WHERE run_id = $run[1] RETURN NONE }`,
  },
  FREE_WAITS_OF_RUN,
  ...EMPTIED.map((table) => ({
    label: `${table}.empty`,
    text: `UPDATE ${own(table)} SET ${blank(table)} RETURN NONE`,
  })),
  ...REMOVED.map((table) => ({ label: `${table}.remove`, text: `DELETE ${own(table)} RETURN NONE` })),
  { label: 'run_watch.remove', text: `DELETE type::record('run_watch', $run) RETURN NONE` },
  {
    label: 'run.empty',
    text: `{
  LET $id = type::record('run', $run);
  LET $old = (SELECT * FROM ONLY $id);
  UPDATE $id SET erased_at = erased_at ?? time::now(), ${blank('run')} RETURN NONE;
  LET $is = fn::run_lists((SELECT * FROM ONLY $id));
  FOR $gone IN array::complement(fn::run_lists($old), $is) { DELETE type::record('run_list', $gone) RETURN NONE };
}`,
  },
];

/**
 * Erases one run in the database. Temporal's history must be gone before (client/erasure/).
 * @throws SluiceError RUN_NOT_FOUND, RUN_OPEN, ERASURE_TOO_EARLY, DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function eraseRun({ database, faults }: Writer, tenant: string, runId: string): Promise<void> {
  try {
    await commit(database, ERASE, { run: [tenant, runId], closed: TERMINAL_RUN_STATUSES }, faults);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.code === 'OPEN') throw new SluiceError('RUN_OPEN', `The row of run ${runId} has not ended.`);
    if (error.code === 'DUE') {
      throw new SluiceError('ERASURE_TOO_EARLY', `Run ${runId} has published events that are not sent yet.`);
    }
    throw new SluiceError('RUN_NOT_FOUND', `Tenant ${tenant} has no run ${runId}.`);
  }
}
