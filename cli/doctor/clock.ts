/**
 * How far this machine's clock is from another one's.
 *
 * Invariant: a difference is only told where it is certain. The other clock was read at some moment between two
 * looks at this one, so what lies between them counts as no difference, however slow the answer was.
 */
import { SluiceError } from '../../contracts/errors.js';
import { ok, warn, fail, type Finding } from './finding.js';

/** Past it, times in rows and logs no longer line up, ms. */
const WARN_MS = 2_000;
/** Past it, leases, deadlines and tokens of one machine are expired or too young for another, ms. */
const FAIL_MS = 30_000;

const MEND = 'Keep the clocks of all machines in step with NTP (`timedatectl status`, `chronyc tracking`).';

export interface ClockReading {
  /** This clock before the other was read, epoch ms. */
  readonly before: number;
  /** This clock afterwards, epoch ms. */
  readonly after: number;
  /** The other clock, epoch ms. */
  readonly there: number;
}

/** Says what a reading means. @param whose clock it is, e.g. `Temporal` */
export function judgeClock(check: string, whose: string, { before, after, there }: ClockReading): Finding {
  const ahead = before > there ? before - there : after < there ? after - there : 0;
  if (Math.abs(ahead) < WARN_MS) return ok(check, `in step with ${whose}`);
  const seconds = `${(Math.abs(ahead) / 1_000).toFixed(1)} s`;
  const found = `this machine is ${seconds} ${ahead > 0 ? 'ahead of' : 'behind'} ${whose}`;
  if (Math.abs(ahead) < FAIL_MS) return warn(check, found, MEND);
  return fail(check, new SluiceError('CLOCK_SKEW', found));
}
