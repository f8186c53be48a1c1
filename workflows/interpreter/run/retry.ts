/**
 * Business retry: the author's policy, each attempt a new activity or child. Infrastructure failures never
 * reach this code: Temporal repeats them under the same attempt.
 */
import { DEFAULTS, type Retry } from '../../../contracts/definition/index.js';
import { now, random } from '../../runtime/clock.js';
import type { ErrorCompletion } from '../state/failure.js';
import { isCatchable } from '../state/failure.js';

/**
 * When the next attempt is due, epoch ms; undefined where no attempt follows.
 * @param attempt the one that failed, from 1
 */
export function nextAttemptAt(
  retry: Retry | undefined,
  attempt: number,
  failed: ErrorCompletion,
): number | undefined {
  if (retry === undefined || attempt >= retry.maxAttempts) return undefined;
  if (!failed.retryable || !isCatchable(failed.error)) return undefined;
  if (retry.retryOn !== undefined && !retry.retryOn.includes(failed.error.code)) return undefined;
  const { backoffMs, backoffMultiplier, jitter, maxDelayMs } = { ...DEFAULTS.retry, ...defined(retry) };
  const delay = Math.min(backoffMs * backoffMultiplier ** (attempt - 1), maxDelayMs);
  // Equal jitter: half fixed, half random, so that runs which failed together do not retry together.
  return now() + Math.round(jitter ? delay / 2 + (random() * delay) / 2 : delay);
}

function defined(retry: Retry): Partial<typeof DEFAULTS.retry> {
  return Object.fromEntries(Object.entries(retry).filter(([, value]) => value !== undefined));
}
