import type { FailStep } from '../../../contracts/definition/index.js';
import { DEFAULTS } from '../../../contracts/definition/index.js';
import { errorEntry, SluiceError } from '../../../contracts/errors.js';
import { LIMITS } from '../../../contracts/limits.js';
import { isoAt, now } from '../../runtime/clock.js';
import type { Lane } from '../lane/lane.js';
import type { Run } from '../run/run.js';
import type { Completion } from '../state/state.js';

/**
 * control.fail: an error of the author's own, or the caught one again.
 * @throws SluiceError RESULT_TOO_LARGE for details over 256 KiB: every step around the error shows it,
 * EXPRESSION_*
 */
export function failure(run: Run, lane: Lane, step: FailStep, path: string): Completion {
  const { error: caught, retryable } = lane.surroundings;
  if (step.rethrow === true) {
    if (!caught) throw new SluiceError('INTERNAL', 'rethrow stands outside a catch');
    return { t: 'error', error: caught, retryable };
  }
  const code = step.code ?? DEFAULTS.failCode;
  const message = step.message === undefined ? code : run.evaluator.mapping(lane, step.message, path);
  const details = step.details === undefined ? null : run.evaluator.mapping(lane, step.details, path);
  run.fitting(details, 'RESULT_TOO_LARGE', 'details', LIMITS.inlineBytes);
  return {
    t: 'error',
    // For a parent that retries this run as its child.
    retryable: errorEntry(code)?.retryable ?? true,
    error: {
      code,
      message: (typeof message === 'string' ? message : JSON.stringify(message)).slice(0, 10_000),
      category: 'action',
      stepPath: path,
      at: isoAt(now()),
      attempt: 1,
      details,
    },
  };
}
