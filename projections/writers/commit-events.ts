/** Commits events: the log and every row derived from it. Events that are there already change nothing. */
import type { Execution } from '../../contracts/run/projection.js';
import type { RunEvent } from '../../contracts/run/run-events.js';
import type { Writer } from '../connection/writer.js';
import { writeEvents } from '../commit/write-events.js';

/** @throws SluiceError PROJECTION_CONFLICT, TRANSITION_ILLEGAL, DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function commitEvents(
  writer: Writer,
  execution: Execution,
  events: readonly RunEvent[],
): Promise<void> {
  await writeEvents(writer, execution, events);
}
