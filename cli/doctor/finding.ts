/**
 * What `sluice doctor` finds. A check never throws: whatever goes wrong is a finding with a code and what to do, and
 * a check whose ground another one has found missing is skipped, so that one cause is one failure.
 */
import { toSluiceError } from '../../contracts/errors.js';

export type CheckStatus = 'ok' | 'warn' | 'fail' | 'skip';

export interface Finding {
  /** Name of the check, e.g. `temporal`. */
  readonly check: string;
  readonly status: CheckStatus;
  /** What is there, in one line; of a failure, what is wrong. */
  readonly found: string;
  /** Code of the error table. */
  readonly code?: string;
  /** What to do about it. */
  readonly mend?: string;
}

export const ok = (check: string, found: string): Finding => ({ check, status: 'ok', found });

export const warn = (check: string, found: string, mend: string): Finding => ({
  check,
  status: 'warn',
  found,
  mend,
});

export const skip = (check: string, why: string): Finding => ({ check, status: 'skip', found: why });

/** A failure from anything thrown. @param mend what to do; default: what the error table says */
export function fail(check: string, thrown: unknown, mend?: string): Finding {
  const { code, message, help } = toSluiceError(thrown);
  const advice = mend ?? help;
  return { check, status: 'fail', found: message, code, ...(advice !== undefined && { mend: advice }) };
}

/** Runs a check; what it throws is its failure. */
export async function attempt(
  check: string,
  work: () => Promise<Finding | readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    const found = await work();
    return Array.isArray(found) ? (found as readonly Finding[]) : [found as Finding];
  } catch (thrown) {
    return [fail(check, thrown)];
  }
}
