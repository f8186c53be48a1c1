/** How a step's begin and end show in the log, and what `onError` makes of an error. */
import type { Undo } from '../../../contracts/run/compensation.js';
import type { Step } from '../../../contracts/definition/index.js';
import { parseAssignPath } from '../../../contracts/definition/index.js';
import type { Json } from '../../../contracts/json.js';
import { summarize } from '../../../contracts/summary.js';
import { errorCompletion, isCatchable } from '../state/failure.js';
import type { Lane } from '../lane/lane.js';
import type { Completion, Frame } from '../state/state.js';
import type { Run } from './run.js';

type StepFrame = Exclude<Frame, { k: 'block' }>;

/** Says that a step has begun; steps that end at once say so only at their end. */
export function beginEvent(
  run: Run,
  lane: Lane,
  step: Step,
  path: string,
  more: { attempt?: number; action?: string; actionVersion?: number; key?: string; input?: Json } = {},
): void {
  const { attempt, input, ...rest } = more;
  run.log.emit(
    'STEP_STARTED',
    {
      id: step.id,
      kind: step.type,
      ...(step.name !== undefined && { name: step.name }),
      ...rest,
      ...(input !== undefined && { input: summarize(input) }),
    },
    run.where(lane, path, attempt),
  );
}

/** Characters of a summary: Temporal refuses one of over 400 bytes, and retries the workflow task for ever. */
const SUMMARY_CHARACTERS = 90;

/** What the Web UI's timeline says of a step. */
export function summaryOf(step: Step): string {
  return (step.name ?? step.id).slice(0, SUMMARY_CHARACTERS);
}

/** Stores a step's outcome under its `saveAs`, if it has one. */
export function save(run: Run, lane: Lane, step: Step, value: Json): void {
  const saveAs = 'saveAs' in step ? step.saveAs : undefined;
  if (saveAs !== undefined) run.assign(lane, parseAssignPath(saveAs), value);
}

/** Ends a step that had a frame. */
export function endStep(run: Run, lane: Lane, frame: StepFrame, completion: Completion): Completion {
  const attempt = 'attempt' in frame ? frame.attempt : undefined;
  const startedAt = 'attemptAt' in frame ? frame.attemptAt : frame.at;
  const undo = frame.k === 'action' ? frame.undo : undefined;
  return end(run, lane, run.stepAt(frame.path), frame.path, completion, { attempt, startedAt, undo });
}

/** Ends a step that had none. */
export function endLeaf(run: Run, lane: Lane, step: Step, path: string, completion: Completion): Completion {
  return end(run, lane, step, path, completion, {});
}

interface Ending {
  readonly attempt?: number | undefined;
  readonly startedAt?: number;
  readonly undo?: Undo | undefined;
}

function end(
  run: Run,
  lane: Lane,
  step: Step,
  path: string,
  completion: Completion,
  ending: Ending,
): Completion {
  const where = run.where(lane, path, ending.attempt);
  const about = {
    id: step.id,
    kind: step.type,
    ...(ending.startedAt !== undefined && { startedAt: ending.startedAt }),
    ...(ending.undo !== undefined && { undo: ending.undo }),
  };
  switch (completion.t) {
    case 'normal':
    case 'return':
    case 'break':
    case 'continue': {
      const { output, publish } = completion.t === 'normal' ? completion : {};
      run.log.emit(
        'STEP_SUCCEEDED',
        {
          ...about,
          ...(output !== undefined && { output: summarize(output) }),
          ...(publish !== undefined && { publish }),
        },
        where,
      );
      return completion;
    }
    case 'cancel':
      run.log.emit('STEP_CANCELED', about, where);
      return completion;
    case 'error': {
      const { error } = completion;
      const continued = 'onError' in step && step.onError?.policy === 'continue' && isCatchable(error);
      run.log.emit('STEP_FAILED', { ...about, error, ...(continued && { continued }) }, where);
      if (!continued) return completion;
      try {
        save(run, lane, step, null);
      } catch (thrown) {
        return errorCompletion(thrown, path);
      }
      return { t: 'normal' };
    }
  }
}
