/**
 * How many workers in a row were lost with this attempt, as Temporal knows it.
 *
 * An attempt that Temporal repeats asks why the one before it ended. If it timed out, its worker was lost,
 * and reported no end. The number travels in the heartbeats, because an attempt between two losses may end
 * in another way (the lease of the lost worker is still alive, the database is away), and Temporal shows the
 * last failure only. An attempt that a worker hands back, unacted, carries it in its failure.
 *
 * Invariants
 * - The count comes from Temporal's attempts, never from a row: a row is as old as its last commit.
 * - A worker that shuts down reports it, and the count begins again: deployments don't count.
 * - An attempt that follows no loss sends its heartbeats as the action gives them.
 * - A local action never acts twice in a row without an end in between (a-deadly-action-is-bounded). Temporal
 *   counts no attempts of it, so the second time it is handed back, and the workflow asks for a regular
 *   activity, whose attempts Temporal counts. The ledger says only that it began: no number is in a row.
 */
import { ApplicationFailure, type Context } from '@temporalio/activity';
import { LOCAL_ACTION_UNENDED } from '../../contracts/run/activity.js';
import { SluiceError } from '../../contracts/errors.js';
import { isJsonObject, type Json } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import { lastFailureOf, type LastFailure } from './last-failure.js';

/** Key of the count in a heartbeat. Persisted while an attempt is repeated. */
const MARK = '$sluiceLostWorkers';

/** Codes of attempts that a worker has handed back: the action did not run. */
const HANDED_BACK: ReadonlySet<string> = new Set(['ACTION_NOT_FOUND', 'TENANT_BUSY']);

/**
 * The number of lost workers that precedes this attempt.
 * @param heartbeat the last one of an attempt before
 */
export function countLost(
  heartbeat: unknown,
  { timedOut, type, details }: Pick<LastFailure, 'timedOut' | 'type'> & Partial<LastFailure>,
): number {
  const marks = [
    isJsonObject(heartbeat) ? heartbeat[MARK] : undefined,
    isJsonObject(details) && HANDED_BACK.has(type ?? '') ? details['lost'] : undefined,
  ];
  const counted = Math.max(0, ...marks.filter((mark) => typeof mark === 'number'));
  if (timedOut) return counted + 1;
  return type === 'WORKER_SHUTDOWN' ? 0 : counted;
}

/** The details of a heartbeat that carries the count. */
export function heartbeatWith(lost: number, progress: Json | undefined): Json | undefined {
  if (lost === 0) return progress;
  return { [MARK]: lost, ...(progress !== undefined && { progress }) };
}

/**
 * Counts the workers that were lost in a row before this attempt; asks Temporal if it is a repetition.
 * @throws ApplicationFailure TEMPORAL_UNAVAILABLE, which Temporal repeats
 */
export async function lostWorkers(context: Context): Promise<number> {
  const before = await lastFailureOf(context);
  return before === undefined ? 0 : countLost(context.info.heartbeatDetails, before);
}

/** The failure of a local action that began before and has not ended: it is handed back, and does nothing. */
export function leaveToRegular(): ApplicationFailure {
  return ApplicationFailure.create({
    type: LOCAL_ACTION_UNENDED,
    message: 'It began before and has not ended: a regular activity runs it, whose lost workers count',
    nonRetryable: true,
  });
}

/** The error of an attempt that loses its workers; undefined: it may act. */
export function tooManyLost(action: string, lost: number): SluiceError | undefined {
  if (lost < LIMITS.lostWorkers) return undefined;
  return new SluiceError(
    'WORKER_LOST',
    `${lost} workers in a row were lost while they ran this attempt of ${action}`,
    { details: { lost } },
  );
}
