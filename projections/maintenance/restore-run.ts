/**
 * Restores the log of a run, and its derived rows, from the inputs of the run's regular activities, after
 * the log was lost. The inputs hold the whole log, because only a regular activity whose input holds an
 * event commits it (docs/architecture.md, "Who writes what").
 *
 * Invariants
 * - It only adds: events that exist stay as they are, and one with other content is PROJECTION_CONFLICT.
 * - It uses `commitEvents`, so it may run beside a live worker, twice, or on a log that lacks a part.
 */
import type { Execution } from '../../contracts/run/projection.js';
import type { RunEvent } from '../../contracts/run/run-events.js';
import { SluiceError } from '../../contracts/errors.js';
import { commitEvents } from '../writers/commit-events.js';
import type { Writer } from '../connection/writer.js';
import { derivedRows, differences, type RowDifference } from './derived-rows.js';
import { rebuildRun } from './rebuild.js';

/** The events in the input of one activity. */
export interface CarriedEvents {
  readonly execution: Execution;
  readonly events: readonly RunEvent[];
}

/**
 * Restores one run.
 * @param carried the inputs, in the order in which the activities were scheduled; an event may occur many
 *   times
 * @returns the derived rows that were different
 * @throws SluiceError INPUT_INVALID for events of several runs; PROJECTION_CONFLICT, TRANSITION_ILLEGAL;
 *   WORKFLOW_NOT_FOUND where no events are given
 */
export async function restoreRun(
  writer: Writer,
  carried: readonly CarriedEvents[],
): Promise<readonly RowDifference[]> {
  const run = carried[0]?.execution.run;
  if (run === undefined) {
    throw new SluiceError('WORKFLOW_NOT_FOUND', 'The histories hold no events to restore');
  }
  if (
    carried.some(({ execution }) => execution.run.runId !== run.runId || execution.run.tenant !== run.tenant)
  ) {
    throw new SluiceError('INPUT_INVALID', `Some of the events belong to another run than ${run.runId}`);
  }
  const key = { tenant: run.tenant, runId: run.runId };
  const before = await derivedRows(writer.database, key);
  for (const { execution, events } of carried) await commitEvents(writer, execution, events);
  await rebuildRun(writer, run.tenant, run.runId);
  return differences(before, await derivedRows(writer.database, key));
}
