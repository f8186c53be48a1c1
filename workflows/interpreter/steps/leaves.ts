/** Steps that end where they begin: they push no frame. */
import { DEFAULTS } from '../../../contracts/definition/index.js';
import { errorEntry, SluiceError } from '../../../contracts/errors.js';
import type { Json } from '../../../contracts/json.js';
import { LIMITS } from '../../../contracts/limits.js';
import { isoAt, now } from '../../runtime/clock.js';
import type { StepContext, StepOf } from '../run/step-context.js';
import { MESSAGE_CHARACTERS } from '../state/failure.js';
import { shown } from '../state/shown.js';
import { NORMAL, type Completion } from '../state/state.js';
import { assignAll } from '../run/assign.js';

/** Characters of a business state's name. */
const STATE_CHARACTERS = 256;

/** state.set. @throws SluiceError ASSIGN_INVALID for a name that is not text, EXPRESSION_* */
export function setState(context: StepContext<StepOf<'state.set'>>): Completion {
  const { run, lane, step } = context;
  run.setState(lane, stateName(context.mapping(step.state, true)));
  return NORMAL;
}

function stateName(value: Json): string {
  if (typeof value === 'string' && value !== '' && value.length <= STATE_CHARACTERS) return value;
  throw new SluiceError(
    'ASSIGN_INVALID',
    `A business state is text of 1 to 256 characters; this is ${shown(value)}`,
  );
}

/** transform.assign. @throws SluiceError EXPRESSION_*, ASSIGN_INVALID, STATE_TOO_LARGE */
export function assign(context: StepContext<StepOf<'transform.assign'>>): Completion {
  assignAll(context, context.step.assign);
  return NORMAL;
}

/** control.break. */
export function breakLoop(): Completion {
  return { t: 'break' };
}

/** control.continue. */
export function continueLoop(): Completion {
  return { t: 'continue' };
}

/** control.return. @throws SluiceError RESULT_TOO_LARGE where a catch can still see it, EXPRESSION_* */
export function returnResult(context: StepContext<StepOf<'control.return'>>): Completion {
  const { run, step } = context;
  if (step.result === undefined) return { t: 'return', value: null };
  const value = context.mapping(step.result);
  return { t: 'return', value: run.fitting(value, 'RESULT_TOO_LARGE', 'The result') };
}

/**
 * control.fail: an error that the author defines, or the caught one again.
 * @throws SluiceError RESULT_TOO_LARGE for details over 256 KiB, because every step around the error shows
 * them, EXPRESSION_*
 */
export function fail(context: StepContext<StepOf<'control.fail'>>): Completion {
  const { run, lane, step, path } = context;
  const { error: caught, retryable } = lane.surroundings;
  if (step.rethrow === true) {
    if (!caught) throw new SluiceError('INTERNAL', 'rethrow stands outside a catch');
    return { t: 'error', error: caught, retryable };
  }
  const code = step.code ?? DEFAULTS.failCode;
  const message = step.message === undefined ? code : context.mapping(step.message);
  const details = step.details === undefined ? null : context.mapping(step.details);
  run.fitting(details, 'RESULT_TOO_LARGE', 'details', LIMITS.inlineBytes);
  return {
    t: 'error',
    // For a parent that retries this run as its child.
    retryable: errorEntry(code)?.retryable ?? true,
    error: {
      code,
      message: (typeof message === 'string' ? message : JSON.stringify(message)).slice(0, MESSAGE_CHARACTERS),
      category: 'action',
      stepPath: path,
      at: isoAt(now()),
      attempt: 1,
      details,
    },
  };
}
