/**
 * What to do about a run whose row and whose workflow may differ. Temporal is right.
 *
 * | Temporal | the row | then |
 * | --- | --- | --- |
 * | does not know it | open | INTERRUPTED |
 * | does not know it | ended | nothing more is to be learnt |
 * | runs it | open, written by the same execution | nothing |
 * | runs it | ended, missing, or written by another execution | the run is asked to tell its rows anew |
 * | has closed it | says the same, by the same execution | confirmed; a gap in its log is mended first |
 * | has closed it | anything else | the log is mended, and the row ends as Temporal has it |
 *
 * A commit and what Temporal tells are never seen at the same instant, so a difference that a run under way may
 * have counts only when it is older than a grace. A row that says a run has ended while Temporal does not know of it
 * is closed for good: nothing is ever called interrupted because a worker was away.
 */
import type { WatchedRun } from '../../projections/index.js';
import { TERMINAL_RUN_STATUSES } from '../../contracts/run/run.js';
import type { TemporalRun } from './temporal-runs.js';

export type Verdict =
  | { readonly kind: 'fine' }
  /** The difference may be of the moment: the next pass sees. */
  | { readonly kind: 'later' }
  | { readonly kind: 'confirm' }
  | { readonly kind: 'resync'; readonly reason: string }
  | { readonly kind: 'close' };

/** Events of a history before its first workflow task is done: the run has said nothing yet. */
const NOT_BEGUN = 4;

/**
 * @param run what Temporal has; undefined: it does not know the run
 * @param now epoch ms
 * @param graceMs how old a difference must be
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
  if (run.historyLength < NOT_BEGUN) return { kind: 'later' };
  if (row === undefined) return seen(run.startedAt, 'the run has no row');
  const same = execution === run.executionId;
  if (!ended) {
    return same
      ? { kind: 'fine' }
      : seen(run.startedAt, `its rows were written by the execution ${String(execution)}`);
  }
  const reason = `its row says ${row.status}`;
  // The last commit of a run comes just before its end.
  return same ? seen(row.endedAt?.getTime() ?? 0, reason) : { kind: 'resync', reason };

  function seen(since: number, why: string): Verdict {
    return now - since < graceMs ? { kind: 'later' } : { kind: 'resync', reason: why };
  }
}
