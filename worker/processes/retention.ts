/**
 * Retention in a worker: removes closed runs and tasks, inbound events and audit rows of a certain age, at
 * the start and every hour.
 *
 * Invariants
 * - Any number of workers may do it concurrently: each run, event and audit row is removed whole by one
 *   transaction, by the worker that comes first.
 * - A pass that fails does no harm: it is logged, and the next one continues where it stopped.
 * - No run is removed that Temporal may still reset (worker/temporal/kept-histories.ts).
 * - Stopping waits for the current batch, so that the database is not closed under it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { toSluiceError } from '../../contracts/errors.js';
import type { Projections, Prunable } from '../../projections/index.js';
import { requireLongerThan } from '../temporal/kept-histories.js';

const DAY_MS = 86_400_000;
const BETWEEN_PASSES_MS = 3_600_000;
/** Runs, events or rows of one call; a stop is noticed between two calls. */
const BATCH = 100;
const NOTHING: Prunable = { count: 0, bytes: 0 };

export interface RetentionOptions {
  readonly projections: Pick<Projections, 'maintenance'>;
  /** Age from which a closed run, and a task, is removed, days since it ended; undefined: never. */
  readonly days: number | undefined;
  /** Days that Temporal keeps closed workflows; asked before each pass, as it can change. */
  readonly keptDays: () => Promise<number>;
  /** Age from which an inbound event is removed, days since its arrival; undefined: never. */
  readonly eventDays?: number | undefined;
  /** Age from which an audit row is removed, days since its act began; undefined: never. */
  readonly auditDays?: number | undefined;
  readonly log: {
    info(fields: object, message: string): void;
    error(fields: object, message: string): void;
  };
  /** Default: one hour. */
  readonly everyMs?: number;
}

/**
 * Removes closed runs, in batches, until none is left.
 * @param days age since their end
 * @param onBatch called with the number that a batch removed; false stops
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
 * Removes tasks that have ended, in batches, until none is left.
 * @param days age since their end
 * @param onBatch called with the number that a batch removed; false stops
 * @returns how many were removed
 */
export async function pruneTasks(
  { maintenance }: Pick<Projections, 'maintenance'>,
  days: number,
  onBatch?: (removed: number) => boolean,
): Promise<number> {
  const endedBefore = before(days);
  return inBatches((limit) => maintenance.removeClosedTasks({ endedBefore, limit }), onBatch);
}

/**
 * Removes inbound events, in batches, until none is left.
 * @param days age since their arrival
 * @param onBatch called with the number that a batch removed; false stops
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

/**
 * Removes audit rows, in batches, until none is left.
 * @param days age since their act began
 * @param onBatch called with the number that a batch removed; false stops
 * @returns how many were removed
 */
export async function pruneAudit(
  { maintenance }: Pick<Projections, 'maintenance'>,
  days: number,
  onBatch?: (removed: number) => boolean,
): Promise<number> {
  const begunBefore = before(days);
  return inBatches((limit) => maintenance.removeAudit({ begunBefore, limit }), onBatch);
}

/** Ages in days from which things are removed; undefined: none is. */
export interface Ages {
  /** Of runs, and of tasks, since their end. */
  readonly days: number | undefined;
  /** Of events, since their arrival. */
  readonly eventDays: number | undefined;
  /** Of audit rows, since their act began. */
  readonly auditDays: number | undefined;
}

/** Counts and measures what the functions above would remove with these ages, and removes nothing. */
export async function countPrunable(
  { maintenance }: Pick<Projections, 'maintenance'>,
  { days, eventDays, auditDays }: Ages,
): Promise<Readonly<Record<'runs' | 'tasks' | 'events' | 'audit', Prunable>>> {
  return {
    runs: days === undefined ? NOTHING : await maintenance.countClosedRuns(before(days)),
    tasks: days === undefined ? NOTHING : await maintenance.countClosedTasks(before(days)),
    events: eventDays === undefined ? NOTHING : await maintenance.countEvents(before(eventDays)),
    audit: auditDays === undefined ? NOTHING : await maintenance.countAudit(before(auditDays)),
  };
}

function before(days: number): Date {
  // The database takes no instant before 1970.
  return new Date(Math.max(0, Date.now() - days * DAY_MS));
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
 * Starts retention; does nothing where nothing has an age limit.
 * @returns stops it, and waits until it has stopped
 */
export function startRetention(options: RetentionOptions): () => Promise<void> {
  const { projections, days, keptDays, eventDays, auditDays, log, everyMs = BETWEEN_PASSES_MS } = options;
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
      log.error({ code, error: message }, `${what} could not be removed; the next pass tries again`);
    }
  };
  const forgotten =
    (prune: typeof pruneRuns): typeof pruneRuns =>
    async (of, age, onBatch) => {
      requireLongerThan(age, await keptDays());
      return await prune(of, age, onBatch);
    };
  const work = async (): Promise<void> => {
    if ((days ?? eventDays ?? auditDays) === undefined) return;
    while (!signal.aborted) {
      await pass('Closed runs', days, forgotten(pruneRuns));
      // After the runs that asked for them.
      await pass('Tasks that have ended', days, forgotten(pruneTasks));
      await pass('Inbound events', eventDays, pruneEvents);
      await pass('Audit rows', auditDays, pruneAudit);
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
