/**
 * Notices that this execution was made by a reset, and learns which rewinds are in force since.
 *
 * Temporal does not tell workflow code about a reset. But an execution that a reset made can find out: its
 * run id is not the one that it began with, and `patched` tells where the copied history ends. `patched` is
 * false for as long as the copied history is replayed, true in the first new task, and the marker that it
 * leaves keeps it true for every later replay. At that point a local activity reads from this execution's own
 * history which rewinds are in force; until it has answered, no step begins in any lane, and the run does not
 * continue as new.
 *
 * Invariants
 * - A run that was never reset asks nothing and leaves no marker.
 * - A rewind changes nothing before its step begins (that step, in that iteration): what is in the copied
 *   history, and what the first new task does before the step, keeps its keys, so its recorded outputs. From
 *   the step on, keys are different. A plain reset keeps all keys, those of earlier rewinds too.
 * - An execution that was reset twice tells the second time from the first: the answer names the execution
 *   that asked. Markers are numbered, because a reset of a reset replays those of the first.
 */
import { patched, scheduleLocalActivity, workflowInfo } from '@temporalio/workflow';
import { ACTIVITY_TYPES } from '../../../contracts/run/messages.js';
import { AfterReset } from '../../../contracts/run/rewind.js';
import { INFRASTRUCTURE_RETRY } from '../../runtime/retry-options.js';

export class Resets {
  /** The execution that the last answer was for. */
  private answeredFor: string | undefined;
  private noticedSoFar = 0;
  private asking: Promise<void> | undefined;
  private answer: AfterReset | undefined;
  private listener: ((answer: AfterReset) => void) | undefined;

  /** A promise to await before anything begins; undefined: there is nothing to wait for. */
  pending(): Promise<void> | undefined {
    if (this.asking !== undefined) return this.asking;
    const { runId, originalExecutionRunId, unsafe } = workflowInfo();
    const isNew = runId !== originalExecutionRunId && runId !== this.answeredFor;
    // On replay the marker alone decides: a replayer knows only the run id that the history began with.
    if (!isNew && !unsafe.isReplaying) return undefined;
    if (!patched(`sluice-reset-${this.noticedSoFar + 1}`)) return undefined;
    this.noticedSoFar++;
    this.asking = this.ask();
    return this.asking;
  }

  /** The last answer, if one has arrived. */
  get last(): AfterReset | undefined {
    return this.answer;
  }

  /** Calls the listener with each answer, also with one that has already arrived. */
  listen(listener: (answer: AfterReset) => void): void {
    this.listener = listener;
    if (this.answer !== undefined) listener(this.answer);
  }

  private async ask(): Promise<void> {
    const answer = await scheduleLocalActivity(ACTIVITY_TYPES.afterReset, [], {
      startToCloseTimeout: '2m',
      retry: INFRASTRUCTURE_RETRY,
      summary: 'look what this reset is',
    });
    this.answer = AfterReset.parse(answer);
    this.answeredFor = this.answer.execution;
    this.asking = undefined;
    this.listener?.(this.answer);
  }
}
