/**
 * Findings of `sluice doctor`. A check never throws: a failure is a finding with a code and a fix. A check
 * whose precondition another check found missing is skipped, so that one cause is one failure.
 */
import { toSluiceError } from '../../contracts/errors.js';

export type CheckStatus = 'ok' | 'warn' | 'fail' | 'skip';

export interface Finding {
  /** Name of the check, e.g. `temporal`. */
  readonly check: string;
  readonly status: CheckStatus;
  /** What the check found, in one line; of a failure, what is wrong. */
  readonly found: string;
  /** Code of the error table. */
  readonly code?: string;
  /** How to fix it. */
  readonly fix?: string;
}

export const ok = (check: string, found: string): Finding => ({ check, status: 'ok', found });

export const warn = (check: string, found: string, fix: string): Finding => ({
  check,
  status: 'warn',
  found,
  fix,
});

export const skip = (check: string, why: string): Finding => ({ check, status: 'skip', found: why });

/** A failure from anything thrown. @param fix how to fix it; default: the help of the error table */
export function fail(check: string, thrown: unknown, fix?: string): Finding {
  const { code, message, help } = toSluiceError(thrown);
  const advice = fix ?? help;
  return { check, status: 'fail', found: message, code, ...(advice !== undefined && { fix: advice }) };
}

/** Runs a check and turns an error into a failure. */
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
