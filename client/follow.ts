/**
 * Follows a run by its query `progress`. Temporal has no push for this; the interval adapts: short while
 * things happen, longer while the run waits.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '../contracts/errors.js';
import type { ProgressLine, RunProgress } from '../contracts/run/messages.js';
import { TERMINAL_RUN_STATUSES } from '../contracts/run/run.js';

const SHORTEST_MS = 100;
const LONGEST_MS = 1_000;
const GROWTH = 1.5;

export interface FollowOptions {
  /** Only events with a greater `seq`. Default 0: from the beginning. */
  readonly since?: number;
  /** Ends the iteration early. */
  readonly signal?: AbortSignal;
}

interface Followed {
  progress(since: number): Promise<RunProgress>;
  /** What Temporal says of the workflow: whether it is open, and whether a worker has begun with it. */
  look(): Promise<{ readonly open: boolean; readonly begun: boolean }>;
}

/**
 * Yields the run's lines as they come; returns once the run is closed and its last line was given.
 * @throws SluiceError WORKFLOW_NOT_FOUND, TEMPORAL_UNAVAILABLE
 */
export async function* followRun(
  run: Followed,
  { since = 0, signal }: FollowOptions,
): AsyncGenerator<ProgressLine, void> {
  let seen = since;
  let interval = SHORTEST_MS;
  while (signal?.aborted !== true) {
    // Asked before the query: what a run writes last must be fetched after it is known to be closed.
    const { open, begun } = await run.look();
    // A query before the first workflow task has completed is held back by the server for a second or two.
    const progress = begun || !open ? await progressOrNothing(run, seen) : undefined;
    for (const line of progress?.lines ?? []) {
      seen = Math.max(seen, line.seq);
      yield line;
    }
    // No worker answers for a run that is closed: nothing more will come.
    if (!open) return;
    const news = (progress?.lines.length ?? 0) > 0;
    const ending = progress !== undefined && TERMINAL_RUN_STATUSES.includes(progress.status);
    interval = news || ending ? SHORTEST_MS : Math.min(interval * GROWTH, LONGEST_MS);
    await sleep(interval, undefined, { ...(signal === undefined ? {} : { signal }) }).catch(() => undefined);
  }
}

/** A worker that is restarting can't answer right now; that is no reason to stop following. */
async function progressOrNothing(run: Followed, since: number): Promise<RunProgress | undefined> {
  try {
    return await run.progress(since);
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'WORKER_NOT_FOUND') return undefined;
    throw error;
  }
}
