/**
 * A worker that lacks an action, or the version of it that a run has pinned, lets another worker have the
 * activity. While a release is rolled forward or back, workers of different code poll side by side.
 *
 * Invariants
 * - Temporal repeats the activity, and shows the reason as its last failure.
 * - The time without a capable worker is bounded; then ACTION_NOT_FOUND says what is missing. It begins with
 *   the first of the attempts in a row that found no capable worker, on Temporal's clock.
 * - A local activity can't go to another worker: the workflow asks for a regular one instead.
 * - Where a person waits for the answer, it comes as soon as every worker that polls has been asked, and not
 *   before. Temporal hands tasks to pollers in the order in which these came, and a worker has many, so the
 *   same worker may be asked ten times in a row while another one would have it.
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
/** The pause where a person waits, ms. */
const SHORT_PAUSE_MS = 25;

/** A worker polls again within a minute; one that did not has ended. */
const POLLED_WITHIN_MS = 70_000;
/** Kind of a task queue, by its number in Temporal's API. */
const ACTIVITY_QUEUE = 2;
/** Most workers that a failure names. */
const MOST_NAMED = 500;
const MS_PER_S = 1_000;

const Left = z.object({ since: z.number(), asked: z.array(z.string()).default([]) });

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

/** How long an activity may go without a capable worker. */
export interface Bound {
  /** The time, ms. */
  readonly mostMs: number;
  /**
   * A shorter time, ms, that is enough once every worker that polls has been asked. The pauses are short
   * then.
   */
  readonly askedAll?: { readonly leastMs: number; readonly identity: string };
  /** What the failures say. */
  readonly words?: Words;
}

/**
 * The failure of an activity whose action this worker lacks.
 * @param error ACTION_NOT_FOUND, which says what is missing
 * @returns retryable: Temporal asks another worker; non-retryable once the time is over
 */
export async function leaveToOthers(
  context: Context,
  error: SluiceError,
  { mostMs, askedAll, words = ANOTHER_WORKER }: Bound,
): Promise<ApplicationFailure> {
  const { info } = context;
  if (info.isLocal) return refusal(error);
  const before = await lastFailureOf(context);
  const now = info.currentAttemptScheduledTimestampMs;
  const left = before?.type === error.code ? Left.safeParse(before.details).data : undefined;
  const since = left?.since ?? now;
  const asked = [
    ...new Set([...(left?.asked ?? []), ...(askedAll === undefined ? [] : [askedAll.identity])]),
  ];
  const enoughMs =
    askedAll !== undefined &&
    now - since >= askedAll.leastMs &&
    (await wereAllAsked(context, asked, askedAll.identity))
      ? askedAll.leastMs
      : mostMs;
  if (now - since >= enoughMs) {
    const details = isJsonObject(error.details) ? error.details : {};
    return refusal(
      new SluiceError(error.code, `${error.message}. ${words.over} for ${enoughMs} ms`, {
        details: { ...details, waitedMs: now - since },
      }),
    );
  }
  return ApplicationFailure.create({
    type: error.code,
    message: words.again(error.message),
    nonRetryable: false,
    category: ApplicationFailureCategory.BENIGN,
    details: [
      {
        since,
        lost: before === undefined ? 0 : countLost(info.heartbeatDetails, before),
        ...(askedAll !== undefined && { asked: asked.slice(0, MOST_NAMED) }),
      },
    ],
    nextRetryDelay:
      askedAll === undefined ? Math.min(LONGEST_PAUSE_MS, PAUSE_MS * info.attempt) : SHORT_PAUSE_MS,
  });
}

/**
 * Whether each worker that polls for activities, and could get this one, has been asked. With worker
 * versioning the workers of another version do not get it.
 */
async function wereAllAsked(
  { client, info }: Context,
  asked: readonly string[],
  here: string,
): Promise<boolean> {
  try {
    const { pollers } = await client.workflowService.describeTaskQueue({
      namespace: client.options.namespace,
      taskQueue: { name: info.taskQueue },
      taskQueueType: ACTIVITY_QUEUE,
    });
    const builds = new Map(
      (pollers ?? []).map(({ identity, deploymentOptions: build }) => [
        identity,
        `${build?.deploymentName ?? ''} ${build?.buildId ?? ''}`,
      ]),
    );
    return (pollers ?? []).every(
      ({ identity, lastAccessTime }) =>
        asked.includes(identity ?? '') ||
        builds.get(identity) !== builds.get(here) ||
        Number(lastAccessTime?.seconds ?? 0) * MS_PER_S < Date.now() - POLLED_WITHIN_MS,
    );
  } catch {
    // Not known: go on asking, for the whole time.
    return false;
  }
}

/** Whether it says that this worker lacks an action. */
export function isMissingAction(error: unknown): error is SluiceError {
  return error instanceof SluiceError && error.code === 'ACTION_NOT_FOUND';
}
