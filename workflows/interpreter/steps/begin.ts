/** How each step type begins: it ends at once, or pushes the frames that it goes on with. */
import type { Step } from '../../../contracts/definition/index.js';
import { SluiceError } from '../../../contracts/errors.js';
import type { Json } from '../../../contracts/json.js';
import { now } from '../../runtime/clock.js';
import type { Lane } from '../lane/lane.js';
import type { Run } from '../run/run.js';
import type { Completion } from '../state/state.js';
import { beginEvent } from '../run/step-events.js';
import { beginSaga } from '../compensation/scopes.js';
import { beginAction } from './action.js';
import { assignAll } from './assign.js';
import { beginChild } from './child.js';
import { beginForEach } from './for-each.js';
import { beginJoin } from './join.js';
import { failure } from './fail.js';
import { publishEvent } from './publish-event.js';
import { iterateWhile, whileHolds } from './unwind.js';
import { beginEventWait, beginTimer } from './waits.js';

const NORMAL: Completion = { t: 'normal' };

/**
 * Begins a step.
 * @returns its completion where it ended at once; undefined where it pushed frames; `later` where nothing has
 * happened, because there is no room for its input yet
 * @throws SluiceError what is wrong with the step's mappings; the caller makes it the step's error
 */
export function beginStep(run: Run, lane: Lane, step: Step, path: string): Completion | 'later' | undefined {
  switch (step.type) {
    case 'action.call':
      return beginAction(run, lane, step, path);
    case 'state.set':
      run.setState(lane, nameOf(run.evaluator.mapping(lane, step.state, path, true)));
      return NORMAL;
    case 'transform.assign':
      assignAll(run, lane, step.assign, path);
      return NORMAL;
    case 'event.wait':
      return beginEventWait(run, lane, step, path);
    case 'time.wait':
      return beginTimer(run, lane, step, path);
    case 'control.if':
      return scope(
        run,
        lane,
        step,
        path,
        run.evaluator.condition(lane, step.condition, path) ? 'then' : 'else',
        step.else,
      );
    case 'control.switch': {
      const chosen = step.cases.findIndex((one) => run.evaluator.condition(lane, one.when, path));
      return scope(run, lane, step, path, chosen < 0 ? 'default' : `cases[${chosen}]`, step.default);
    }
    case 'control.saga':
      return beginSaga(run, lane, step, path);
    case 'control.forEach':
      return beginForEach(run, lane, step, path);
    case 'control.while': {
      if (!whileHolds(run, lane, step, path, 0)) return NORMAL;
      beginEvent(run, lane, step, path);
      const frame = { k: 'while' as const, path, at: now(), n: 0 };
      lane.push(frame);
      iterateWhile(lane, frame);
      return undefined;
    }
    case 'control.tryCatch':
      beginEvent(run, lane, step, path);
      lane.push({ k: 'try', path, at: now(), phase: 'try' });
      lane.push({ k: 'block', path: `${path}.try`, i: 0 });
      return undefined;
    case 'control.parallel':
    case 'control.race':
      return beginJoin(run, lane, step, path);
    case 'control.callWorkflow':
      return beginChild(run, lane, step, path);
    case 'control.break':
      return { t: 'break' };
    case 'control.continue':
      return { t: 'continue' };
    case 'control.return':
      return { t: 'return', value: resultOf(run, lane, step.result, path) };
    case 'control.fail':
      return failure(run, lane, step, path);
    case 'event.publish':
      return publishEvent(run, lane, step, path);
    case 'human.task':
      throw new SluiceError('STEP_UNSUPPORTED', `This worker does not run ${step.type} yet`, {
        details: { type: step.type },
      });
  }
}

/** One block, chosen: a missing one is an empty one. */
function scope(
  run: Run,
  lane: Lane,
  step: Step,
  path: string,
  block: string,
  optional: readonly Step[] | undefined,
): Completion | undefined {
  if ((block === 'else' || block === 'default') && optional === undefined) return NORMAL;
  beginEvent(run, lane, step, path);
  lane.push({ k: 'scope', path, at: now() });
  lane.push({ k: 'block', path: `${path}.${block}`, i: 0 });
  return undefined;
}

/** The result of a return, checked against the limit where a catch can still see it. */
function resultOf(run: Run, lane: Lane, mapping: Json | undefined, path: string): Json {
  return mapping === undefined
    ? null
    : run.fitting(run.evaluator.mapping(lane, mapping, path), 'RESULT_TOO_LARGE', 'The result');
}

function nameOf(value: Json): string {
  if (typeof value === 'string' && value !== '' && value.length <= 256) return value;
  throw new SluiceError(
    'ASSIGN_INVALID',
    `A business state is text of 1 to 256 characters; this is ${JSON.stringify(value).slice(0, 100)}`,
  );
}
