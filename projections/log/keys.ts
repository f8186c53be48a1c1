/**
 * Keys of rows. Each begins with the tenant, so that rows of two tenants never collide, even under equal
 * ids.
 */
import type { RunEvent } from '../../contracts/run/run-events.js';

/** Where a step execution or a wait is in its run. */
export interface StepPlace {
  readonly path: string;
  readonly iteration: readonly number[];
  readonly attempt: number;
}

/** A run of a tenant. */
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

/** The step execution that an event is about; undefined for events of the run itself. */
export function placeOf(event: RunEvent): StepPlace | undefined {
  if (event.stepPath === undefined) return undefined;
  return { path: event.stepPath, iteration: event.iteration ?? [], attempt: event.attempt ?? 1 };
}

const LATEST_MS = 9_999_999_999_999;

/** In ascending order it sorts a tenant's runs newest first. It is unique, so it marks where a page ends. */
export function listKey(startedAt: Date, runId: string): string {
  return `${String(LATEST_MS - startedAt.getTime()).padStart(13, '0')}-${runId}`;
}

/** The run in a `listKey`. */
export function runOfListKey(key: string): string {
  return key.slice(14);
}
