/**
 * Noticing that this execution was made by a reset, and what is to be done again since.
 *
 * Temporal gives the code no word of a reset. But an execution that was made by one knows that it was (its run id is
 * not the one that it began with), and `patched` tells where the copied history ends: it is false for as long as that
 * is replayed, true in the first task that is new, and the marker that it leaves keeps it so for every later replay.
 * There a local activity reads from this execution's own history which rewinds are in force; until it has answered
 * no step begins, in no lane, and the run does not continue as new.
 *
 * Invariants
 * - A run that was never reset asks nothing and leaves no marker.
 * - A rewind changes nothing before its step begins (that step, in that iteration): what is in the copied history, and
 *   what the first new task does before it, keeps its keys, so its recorded outputs. From there on the keys are other
 *   ones. A plain reset keeps all keys, those of rewinds before it too.
 * - An execution that was reset twice tells the second time from the first: the answer names the execution that asked.
 *   Markers are numbered, for a reset of a reset replays those of the first.
 */
import { patched, scheduleLocalActivity, workflowInfo } from '@temporalio/workflow';
import { ACTIVITY_TYPES } from '../../../contracts/run/messages.js';
import { AfterReset } from '../../../contracts/run/rewind.js';

export class Resets {
  /** The execution that the last answer was for. */
  private known: string | undefined;
  private noticedSoFar = 0;
  private asking: Promise<void> | undefined;
  private told: AfterReset | undefined;
  private listener: ((told: AfterReset) => void) | undefined;

  /** What to wait for before anything is begun; undefined: nothing. */
  pending(): Promise<void> | undefined {
    if (this.asking !== undefined) return this.asking;
    const { runId, originalExecutionRunId, unsafe } = workflowInfo();
    const news = runId !== originalExecutionRunId && runId !== this.known;
    // Replayed, the marker alone tells: a replayer knows no run id but the one that the history began with.
    if (!news && !unsafe.isReplaying) return undefined;
    if (!patched(`sluice-reset-${this.noticedSoFar + 1}`)) return undefined;
    this.noticedSoFar++;
    this.asking = this.ask();
    return this.asking;
  }

  /** The last answer, where one has come. */
  get last(): AfterReset | undefined {
    return this.told;
  }

  /** Calls the listener with each answer, and with one that has come already. */
  listen(listener: (told: AfterReset) => void): void {
    this.listener = listener;
    if (this.told !== undefined) listener(this.told);
  }

  private async ask(): Promise<void> {
    const answer = await scheduleLocalActivity(ACTIVITY_TYPES.afterReset, [], {
      startToCloseTimeout: '2m',
      retry: { initialInterval: 200, backoffCoefficient: 2, maximumInterval: '10s' },
      summary: 'look what this reset is',
    });
    this.told = AfterReset.parse(answer);
    this.known = this.told.execution;
    this.asking = undefined;
    this.listener?.(this.told);
  }
}
