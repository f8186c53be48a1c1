/**
 * Compares the clock of this machine with another one.
 *
 * Invariant: a difference is only reported if it is certain. The other clock was read between two readings of
 * this one, so a reading between the two counts as equal, however slow the answer was.
 */
import { SluiceError } from '../../contracts/errors.js';
import { ok, warn, fail, type Finding } from './finding.js';

/** Above this difference, times in rows and logs no longer line up, ms. */
const WARN_MS = 2_000;
/**
 * Above this difference, one machine sees the leases, deadlines and tokens of another as expired or not yet
 * valid, ms.
 */
const FAIL_MS = 30_000;

const FIX = 'Synchronize the clocks of all machines with NTP (`timedatectl status`, `chronyc tracking`).';

export interface ClockReading {
  /** This clock before the other one was read, epoch ms. */
  readonly before: number;
  /** This clock afterwards, epoch ms. */
  readonly after: number;
  /** The other clock, epoch ms. */
  readonly other: number;
}

/** Judges a reading. @param whose owner of the other clock, e.g. `Temporal` */
export function judgeClock(check: string, whose: string, { before, after, other }: ClockReading): Finding {
  const ahead = before > other ? before - other : after < other ? after - other : 0;
  if (Math.abs(ahead) < WARN_MS) return ok(check, `agrees with ${whose}`);
  const seconds = `${(Math.abs(ahead) / 1_000).toFixed(1)} s`;
  const found = `this machine is ${seconds} ${ahead > 0 ? 'ahead of' : 'behind'} ${whose}`;
  if (Math.abs(ahead) < FAIL_MS) return warn(check, found, FIX);
  return fail(check, new SluiceError('CLOCK_SKEW', found));
}
