/**
 * Decides what to do about a run whose row and whose workflow may differ. Temporal is right.
 *
 * | Temporal | the row | then |
 * | --- | --- | --- |
 * | does not know the run | open | INTERRUPTED |
 * | does not know the run | ended | nothing more can be learnt |
 * | runs it | open, written by the same execution | nothing |
 * | runs it | ended, missing, or written by another execution | the run is asked to write its rows again |
 * | has closed it | says the same, by the same execution | confirmed; a gap in its log is repaired first |
 * | has closed it | anything else | the log is repaired, and the row ends as Temporal says |
 *
 * A commit and Temporal's answer are never seen at the same instant, so a difference that a healthy run may
 * show counts only when it is older than a grace period. A row that says a run has ended while Temporal does
 * not know the run is final: no run is ever called interrupted because a worker was away.
 */
import type { WatchedRun } from '../../projections/index.js';
import { TERMINAL_RUN_STATUSES } from '../../contracts/run/run.js';
import type { TemporalRun } from './temporal-runs.js';

export type Verdict =
  | { readonly kind: 'fine' }
  /** The difference may be transient: the next pass decides. */
  | { readonly kind: 'later' }
  | { readonly kind: 'confirm' }
  | { readonly kind: 'resync'; readonly reason: string }
  | { readonly kind: 'close' };

/** History length before the first workflow task has completed: the run has not written anything yet. */
const BEGUN_LENGTH = 4;

/**
 * Judges one run.
 * @param run the run as Temporal has it; undefined: Temporal does not know it
 * @param now epoch ms
 * @param graceMs age that a difference must have, ms
 */
export function judge(
  { row, execution }: Pick<WatchedRun, 'row' | 'execution'>,
  run: TemporalRun | undefined,
  now: number,
  graceMs: number,
): Verdict {
  const ended = row !== undefined && TERMINAL_RUN_STATUSES.includes(row.status);
  if (run === undefined) return ended || row === undefined ? { kind: 'confirm' } : { kind: 'close' };
  if (!run.open) {
    return row?.status === run.status && execution === run.executionId
      ? { kind: 'confirm' }
      : { kind: 'close' };
  }
  if (run.historyLength < BEGUN_LENGTH) return { kind: 'later' };
  if (row === undefined) return afterGrace(run.startedAt, 'the run has no row');
  const same = execution === run.executionId;
  if (!ended) {
    return same
      ? { kind: 'fine' }
      : afterGrace(run.startedAt, `its rows were written by the execution ${String(execution)}`);
  }
  const reason = `its row says ${row.status}`;
  // The last commit of a run just precedes its end.
  return same ? afterGrace(row.endedAt?.getTime() ?? 0, reason) : { kind: 'resync', reason };

  function afterGrace(since: number, why: string): Verdict {
    return now - since < graceMs ? { kind: 'later' } : { kind: 'resync', reason: why };
  }
}
