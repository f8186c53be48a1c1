/** Keys of rows. The tenant is part of each: rows of two tenants can't meet, whatever ids they use. */
import type { RunEvent } from '../../contracts/run/run-events.js';

/** Where a step execution or a wait stands in its run. */
export interface StepPlace {
  readonly path: string;
  readonly iteration: readonly number[];
  readonly attempt: number;
}

/** Whose rows: a tenant's run. */
export interface RunKey {
  readonly tenant: string;
  readonly runId: string;
}

export type RowKey = readonly (string | number | readonly number[])[];

export function runRowKey(run: RunKey): RowKey {
  return [run.tenant, run.runId];
}

/** `seq` before the execution: a range of keys is a page of the log, in order. */
export function eventRowKey(run: RunKey, seq: number, executionId: string): RowKey {
  return [run.tenant, run.runId, seq, executionId];
}

export function stepRowKey(run: RunKey, place: StepPlace): RowKey {
  return [run.tenant, run.runId, place.path, place.iteration, place.attempt];
}

/** The step that an event is about; undefined for events of the run itself. */
export function placeOf(event: RunEvent): StepPlace | undefined {
  if (event.stepPath === undefined) return undefined;
  return { path: event.stepPath, iteration: event.iteration ?? [], attempt: event.attempt ?? 1 };
}

const LATEST_MS = 9_999_999_999_999;

/** Sorts a tenant's runs newest first when walked upwards, and is unique: it is the key of a page's end. */
export function listKey(startedAt: Date, runId: string): string {
  return `${String(LATEST_MS - startedAt.getTime()).padStart(13, '0')}-${runId}`;
}

/** The run in a `listKey`. */
export function runOfListKey(key: string): string {
  return key.slice(14);
}
