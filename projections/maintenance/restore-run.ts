/**
 * Makes the log of a run again, and its derived rows, from what the run's regular activities were given: for a
 * log that is gone. Rule 2 of docs/architecture.md is why that is all of it: an event is committed only by a
 * regular activity whose input holds it.
 *
 * Invariants
 * - It only adds: events that are there stay as they are, and one with other content is PROJECTION_CONFLICT.
 * - It goes through `commitEvents`, so it may run beside a live worker, twice, or on a log that lacks a part.
 */
import type { Execution } from '../../contracts/run/projection.js';
import type { RunEvent } from '../../contracts/run/run-events.js';
import { SluiceError } from '../../contracts/errors.js';
import { commitEvents } from '../writers/commit-events.js';
import type { Writer } from '../connection/writer.js';
import { derivedRows, differences, type RowDifference } from './derived-rows.js';
import { rebuildRun } from './rebuild.js';

/** Events as one activity was given them. */
export interface CarriedEvents {
  readonly execution: Execution;
  readonly events: readonly RunEvent[];
}

/**
 * @param carried of one run, in the order in which the activities were scheduled; an event may come many times
 * @returns the derived rows that were different
 * @throws SluiceError INPUT_INVALID for events of several runs; PROJECTION_CONFLICT, TRANSITION_ILLEGAL;
 *   WORKFLOW_NOT_FOUND where nothing was carried and there is no log
 */
export async function restoreRun(
  writer: Writer,
  carried: readonly CarriedEvents[],
): Promise<readonly RowDifference[]> {
  const run = carried[0]?.execution.run;
  if (run === undefined) throw new SluiceError('WORKFLOW_NOT_FOUND', 'There are no events to restore');
  if (
    carried.some(({ execution }) => execution.run.runId !== run.runId || execution.run.tenant !== run.tenant)
  ) {
    throw new SluiceError('INPUT_INVALID', `The events are not all of run ${run.runId}`);
  }
  const key = { tenant: run.tenant, runId: run.runId };
  const before = await derivedRows(writer.database, key);
  for (const { execution, events } of carried) await commitEvents(writer, execution, events);
  await rebuildRun(writer, run.tenant, run.runId);
  return differences(before, await derivedRows(writer.database, key));
}
