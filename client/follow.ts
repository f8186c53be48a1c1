/**
 * Follows a run by its query `progress`. Temporal does not push events, so the client polls: often while
 * events come, more rarely while the run waits.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '../contracts/errors.js';
import type { ProgressLine, RunProgress } from '../contracts/run/messages.js';
import { TERMINAL_RUN_STATUSES } from '../contracts/run/run.js';

/** The shortest and the longest polling interval, ms, and the factor from one interval to the next. */
const SHORTEST_MS = 100;
const LONGEST_MS = 1_000;
const GROWTH = 1.5;

export interface FollowOptions {
  /** Only events with a greater `seq`. Default 0: all events. */
  readonly since?: number;
  /** Ends the iteration early. */
  readonly signal?: AbortSignal;
}

interface Followed {
  progress(since: number): Promise<RunProgress>;
  /** Asks Temporal whether the workflow is open, and whether a worker has begun it. */
  describe(): Promise<{ readonly open: boolean; readonly begun: boolean }>;
}

/**
 * Yields the run's lines as they come. Returns when the run is closed and its last line was yielded.
 * @throws SluiceError WORKFLOW_NOT_FOUND, TEMPORAL_UNAVAILABLE
 */
export async function* followRun(
  run: Followed,
  { since = 0, signal }: FollowOptions,
): AsyncGenerator<ProgressLine, void> {
  let seen = since;
  let interval = SHORTEST_MS;
  while (signal?.aborted !== true) {
    // Describe before the query: the last lines must be fetched after the run is known to be closed.
    const { open, begun } = await run.describe();
    // The server holds a query back for a second or two until the first workflow task has completed.
    const progress = begun || !open ? await progressOrNothing(run, seen) : undefined;
    for (const line of progress?.lines ?? []) {
      seen = Math.max(seen, line.seq);
      yield line;
    }
    // The query above ran after the close, so it returned the last lines.
    if (!open) return;
    const news = (progress?.lines.length ?? 0) > 0;
    const ending = progress !== undefined && TERMINAL_RUN_STATUSES.includes(progress.status);
    interval = news || ending ? SHORTEST_MS : Math.min(interval * GROWTH, LONGEST_MS);
    await sleep(interval, undefined, { ...(signal === undefined ? {} : { signal }) }).catch(() => undefined);
  }
}

/** The run's progress; undefined while no worker answers, because one may be restarting. */
async function progressOrNothing(run: Followed, since: number): Promise<RunProgress | undefined> {
  try {
    return await run.progress(since);
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'WORKER_NOT_FOUND') return undefined;
    throw error;
  }
}
