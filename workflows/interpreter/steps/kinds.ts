/** How each step type begins, and how each kind of frame goes on: the table that the machine is given. */
import { beginCompensationScope, unwindSingleBlock } from '../compensation/scopes.js';
import { continueCompensation } from '../compensation/compensate.js';
import type { StepKinds } from '../run/step-kinds.js';
import { act, enterAction, mayAct } from './action.js';
import { beginIf, beginSwitch, beginTry, unwindTry } from './blocks.js';
import { continueChild, enterChild } from './child.js';
import { continueFanOut } from './fan-out.js';
import { beginHumanTask, continueHumanTask } from './human-task.js';
import { beginJoin, continueJoin } from './join.js';
import { assign, breakLoop, continueLoop, fail, returnResult, setState } from './leaves.js';
import { beginForEach, beginWhile, unwindForEach, unwindWhile } from './loops.js';
import { continuePublish, publishEvent } from './publish-event.js';
import { beginEventWait, beginTimer, continueEventWait, continueTimer } from './waits.js';

export const STEP_KINDS: StepKinds = {
  begin: {
    'action.call': enterAction,
    'state.set': setState,
    'transform.assign': assign,
    'event.publish': publishEvent,
    'event.wait': beginEventWait,
    'time.wait': beginTimer,
    'human.task': beginHumanTask,
    'control.if': beginIf,
    'control.switch': beginSwitch,
    'control.saga': beginCompensationScope,
    'control.forEach': beginForEach,
    'control.while': beginWhile,
    'control.tryCatch': beginTry,
    'control.parallel': beginJoin,
    'control.race': beginJoin,
    'control.callWorkflow': enterChild,
    'control.break': breakLoop,
    'control.continue': continueLoop,
    'control.return': returnResult,
    'control.fail': fail,
  },
  attempts: { mayAct, act },
  continue: {
    child: continueChild,
    eventWait: continueEventWait,
    timer: continueTimer,
    publish: continuePublish,
    humanTask: continueHumanTask,
    join: continueJoin,
    fanOut: continueFanOut,
    undo: continueCompensation,
  },
  unwind: {
    scope: unwindSingleBlock,
    forEach: unwindForEach,
    while: unwindWhile,
    try: unwindTry,
  },
};
