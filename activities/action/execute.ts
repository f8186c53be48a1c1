/**
 * Runs an action until it ends, or until waiting for it must stop.
 *
 * Invariant: this never waits without a bound. An action that ignores its signal is left running (Node can't
 * end it); what it does later has no effect here, because its context is closed by then.
 */
import { within } from '../../contracts/within.js';
import type { StopLimits } from '../boundary/deps.js';
import type { Stop, StopReason } from './stop.js';

export type Ended =
  | { readonly kind: 'returned'; readonly output: unknown }
  | { readonly kind: 'threw'; readonly thrown: unknown }
  | { readonly kind: 'timeout' }
  | {
      readonly kind: 'stopped';
      readonly reason: Exclude<StopReason, 'timeout'>;
      readonly stillRuns: boolean;
    };

type Settled = Extract<Ended, { kind: 'returned' | 'threw' }>;

/**
 * Calls `run` and waits.
 * @param limits how long a stopping action may take
 */
export async function execute(run: () => unknown, stop: Stop, limits: StopLimits): Promise<Ended> {
  const settled = settle(run);
  const first = await Promise.race([settled, stop.requested]);
  const reason = stop.reason;
  if (reason === undefined) return first as Settled;
  if (reason === 'timeout') {
    await within(settled, limits.afterTimeoutMs);
    return { kind: 'timeout' };
  }
  const ended =
    reason === 'canceled'
      ? await Promise.race([settled, stop.timeUp.then(() => undefined)])
      : await within(settled, limits.afterShutdownMs);
  if (ended?.kind === 'returned') return ended;
  return { kind: 'stopped', reason, stillRuns: ended === undefined };
}

/** Never rejects, so that an abandoned action can still fail without harm. */
async function settle(run: () => unknown): Promise<Settled> {
  try {
    return { kind: 'returned', output: await run() };
  } catch (thrown) {
    return { kind: 'threw', thrown };
  }
}
