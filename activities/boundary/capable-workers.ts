/**
 * A worker that lacks an action, or the version of it that a run has pinned, lets another worker have the
 * activity. While a release is rolled forward or back, workers of different code poll side by side.
 *
 * Invariants
 * - Temporal repeats the activity, and shows the reason as its last failure.
 * - The time without a capable worker is bounded; then ACTION_NOT_FOUND says what is missing. It begins with
 *   the first of the attempts in a row that found no capable worker, on Temporal's clock.
 * - A local activity can't go to another worker: the workflow asks for a regular one instead.
 */
import { ApplicationFailure, type Context } from '@temporalio/activity';
import { ApplicationFailureCategory } from '@temporalio/common';
import { z } from 'zod';
import { SluiceError } from '../../contracts/errors.js';
import { isJsonObject } from '../../contracts/json.js';
import { refusal } from './failures.js';
import { lastFailureOf } from './last-failure.js';
import { countLost } from './lost-workers.js';

/** Pause before another attempt, ms: it grows with the attempts. */
const PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

const Since = z.object({ since: z.number() });

interface Words {
  /** Of a failure that is repeated. */
  readonly again: (message: string) => string;
  /** Of the last one; the time follows. */
  readonly over: string;
}

const ANOTHER_WORKER: Words = {
  again: (message) => `This worker lacks it: ${message}. Another worker is asked`,
  over: 'No worker had it',
};

/**
 * The failure of an activity whose action this worker lacks.
 * @param error ACTION_NOT_FOUND, which says what is missing
 * @param mostMs how long the activity may go without a capable worker
 * @param words what the failures say
 * @returns retryable: Temporal asks another worker; non-retryable once the time is over
 */
export async function leaveToOthers(
  context: Context,
  error: SluiceError,
  mostMs: number,
  words: Words = ANOTHER_WORKER,
): Promise<ApplicationFailure> {
  const { info } = context;
  if (info.isLocal) return refusal(error);
  const before = await lastFailureOf(context);
  const now = info.currentAttemptScheduledTimestampMs;
  const since =
    (before?.type === error.code ? Since.safeParse(before.details).data?.since : undefined) ?? now;
  if (now - since >= mostMs) {
    const details = isJsonObject(error.details) ? error.details : {};
    return refusal(
      new SluiceError(error.code, `${error.message}. ${words.over} for ${mostMs} ms`, {
        details: { ...details, waitedMs: now - since },
      }),
    );
  }
  return ApplicationFailure.create({
    type: error.code,
    message: words.again(error.message),
    nonRetryable: false,
    category: ApplicationFailureCategory.BENIGN,
    details: [{ since, lost: before === undefined ? 0 : countLost(info.heartbeatDetails, before) }],
    nextRetryDelay: Math.min(LONGEST_PAUSE_MS, PAUSE_MS * info.attempt),
  });
}

/** Whether it says that this worker lacks an action. */
export function isMissingAction(error: unknown): error is SluiceError {
  return error instanceof SluiceError && error.code === 'ACTION_NOT_FOUND';
}
