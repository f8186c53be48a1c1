/**
 * Retention in a worker: closed runs and inbound events that are old enough are removed, at the start and every hour.
 *
 * Invariants
 * - Any number of workers may do it at once: each run and event is removed whole by one transaction, and by whoever is
 *   first.
 * - A pass that fails harms nothing: it is logged, and the next one goes on where it stopped.
 * - Stopping waits for the batch under way, so that the database is not closed under it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { toSluiceError } from '../../contracts/errors.js';
import type { Projections } from '../../projections/index.js';

const DAY_MS = 86_400_000;
const BETWEEN_PASSES_MS = 3_600_000;
/** Runs or events of one call: between two of them a stop is noticed. */
const BATCH = 100;

export interface RetentionOptions {
  readonly projections: Pick<Projections, 'maintenance'>;
  /** Age from which a closed run is removed, days since it ended; undefined: never. */
  readonly days: number | undefined;
  /** Age from which an inbound event is removed, days since it came; undefined: never. */
  readonly eventDays?: number | undefined;
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
  onBatch?: (removed: number) => boolean,
): Promise<number> {
  const endedBefore = before(days);
  return inBatches((limit) => maintenance.removeClosedRuns({ endedBefore, limit }), onBatch);
}

/**
 * Removes inbound events that came before that many days ago, in batches, until none is left.
 * @param onBatch told how many each batch removed; false stops
 * @returns how many were removed
 */
export async function pruneEvents(
  { maintenance }: Pick<Projections, 'maintenance'>,
  days: number,
  onBatch?: (removed: number) => boolean,
): Promise<number> {
  const receivedBefore = before(days);
  return inBatches((limit) => maintenance.removeEvents({ receivedBefore, limit }), onBatch);
}

function before(days: number): Date {
  return new Date(Date.now() - days * DAY_MS);
}

async function inBatches(
  remove: (limit: number) => Promise<number>,
  onBatch: (removed: number) => boolean = () => true,
): Promise<number> {
  let all = 0;
  for (;;) {
    const removed = await remove(BATCH);
    all += removed;
    if (!onBatch(removed) || removed < BATCH) return all;
  }
}

/**
 * Starts it; does nothing where neither is to be removed.
 * @returns stops it, and waits until it has stopped
 */
export function startRetention(options: RetentionOptions): () => Promise<void> {
  const { projections, days, eventDays, log, everyMs = BETWEEN_PASSES_MS } = options;
  const stop = new AbortController();
  const { signal } = stop;
  const goesOn = (): boolean => !signal.aborted;
  const pass = async (what: string, age: number | undefined, prune: typeof pruneRuns): Promise<void> => {
    if (age === undefined || signal.aborted) return;
    try {
      const removed = await prune(projections, age, goesOn);
      if (removed > 0) log.info({ removed, days: age }, `${what} past their retention were removed`);
    } catch (error) {
      const { code, message } = toSluiceError(error);
      log.error({ code, error: message }, `${what} could not be removed; it is tried again`);
    }
  };
  const work = async (): Promise<void> => {
    if (days === undefined && eventDays === undefined) return;
    while (!signal.aborted) {
      await pass('Closed runs', days, pruneRuns);
      await pass('Inbound events', eventDays, pruneEvents);
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
