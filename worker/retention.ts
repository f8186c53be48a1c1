/**
 * Retention in a worker: closed runs that are old enough are removed, at the start and every hour.
 *
 * Invariants
 * - Any number of workers may do it at once: a run is removed whole by one transaction, and by whoever is first.
 * - A pass that fails harms nothing: it is logged, and the next one goes on where it stopped.
 * - Stopping waits for the batch under way, so that the database is not closed under it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { toSluiceError } from '../contracts/errors.js';
import type { Projections } from '../projections/index.js';

const DAY_MS = 86_400_000;
const BETWEEN_PASSES_MS = 3_600_000;
/** Runs of one call: between two of them a stop is noticed. */
const BATCH = 100;

export interface RetentionOptions {
  readonly projections: Pick<Projections, 'maintenance'>;
  /** Age from which a closed run is removed, days since it ended. */
  readonly days: number;
  readonly log: {
    info(fields: object, message: string): void;
    error(fields: object, message: string): void;
  };
  /** Default: one hour. */
  readonly everyMs?: number;
}

/**
 * Removes closed runs that ended before that many days ago, in batches, until none is left.
 * @param onBatch told how many each batch removed; false stops
 * @returns how many were removed
 */
export async function pruneRuns(
  { maintenance }: Pick<Projections, 'maintenance'>,
  days: number,
  onBatch: (removed: number) => boolean = () => true,
): Promise<number> {
  const endedBefore = new Date(Date.now() - days * DAY_MS);
  let all = 0;
  for (;;) {
    const removed = await maintenance.removeClosedRuns({ endedBefore, limit: BATCH });
    all += removed;
    if (!onBatch(removed) || removed < BATCH) return all;
  }
}

/**
 * Starts it.
 * @returns stops it, and waits until it has stopped
 */
export function startRetention(options: RetentionOptions): () => Promise<void> {
  const { projections, days, log, everyMs = BETWEEN_PASSES_MS } = options;
  const stop = new AbortController();
  const { signal } = stop;
  const work = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        const removed = await pruneRuns(projections, days, () => !signal.aborted);
        if (removed > 0) log.info({ removed, days }, 'Closed runs past their retention were removed');
      } catch (error) {
        const { code, message } = toSluiceError(error);
        log.error({ code, error: message }, 'Closed runs could not be removed; it is tried again');
      }
      await sleep(everyMs, undefined, { signal, ref: false }).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
  };
  const working = work();
  return async () => {
    stop.abort();
    await working;
  };
}
