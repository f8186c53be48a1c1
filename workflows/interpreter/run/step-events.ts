/** How the begin and the end of a step appear in the log, and what `onError` makes of an error. */
import type { Compensation } from '../../../contracts/run/compensation.js';
import { parseAssignPath, type Step } from '../../../contracts/definition/index.js';
import type { Json } from '../../../contracts/json.js';
import { LIMITS } from '../../../contracts/limits.js';
import { summarize } from '../../../contracts/summary.js';
import { errorCompletion, isCatchable } from '../state/failure.js';
import { NORMAL, type Completion, type Frame } from '../state/state.js';
import type { StepContext } from './step-context.js';

type StepFrame = Exclude<Frame, { k: 'block' }>;

/** What STEP_STARTED says beside the step's own fields. */
export interface StartDetails {
  readonly attempt?: number;
  readonly action?: string;
  readonly actionVersion?: number;
  readonly key?: string;
  readonly input?: Json;
}

/** Emits the begin of a step; a step that ends at once emits its end only. */
export function beginEvent(context: StepContext, details: StartDetails = {}): void {
  const { run, step } = context;
  const { attempt, input, ...rest } = details;
  run.log.emit(
    'STEP_STARTED',
    {
      id: step.id,
      kind: step.type,
      ...(step.name !== undefined && { name: step.name }),
      ...rest,
      ...(input !== undefined && { input: summarize(input) }),
    },
    context.where(attempt),
  );
}

/** Emits that an attempt of a step failed and when the next one is due, epoch ms. */
export function retryEvent(
  context: StepContext,
  { attempt, attemptAt }: { readonly attempt: number; readonly attemptAt: number },
  { error }: Extract<Completion, { t: 'error' }>,
  nextAt: number,
): void {
  const { run, step } = context;
  run.log.emit(
    'STEP_RETRYING',
    { id: step.id, kind: step.type, startedAt: attemptAt, error, nextAt },
    context.where(attempt),
  );
}

/** The name of a step in the Web UI's timeline. One that is too long repeats the task without end. */
export function summaryOf(step: Step): string {
  return (step.name ?? step.id).slice(0, LIMITS.summaryCharacters);
}

/** Stores a step's outcome under its `saveAs`, if it has one. */
export function save({ run, lane, step }: StepContext, value: Json): void {
  const saveAs = 'saveAs' in step ? step.saveAs : undefined;
  if (saveAs !== undefined) run.assign(lane, parseAssignPath(saveAs), value);
}

/** Ends a step that had a frame. */
export function endStep(context: StepContext, frame: StepFrame, completion: Completion): Completion {
  const attempt = 'attempt' in frame ? frame.attempt : undefined;
  const startedAt = 'attemptAt' in frame ? frame.attemptAt : frame.at;
  const undo = frame.k === 'action' ? frame.undo : undefined;
  return end(context, completion, { attempt, startedAt, undo });
}

/** Ends a step that had no frame. */
export function endLeaf(context: StepContext, completion: Completion): Completion {
  return end(context, completion, {});
}

interface Ending {
  readonly attempt?: number | undefined;
  readonly startedAt?: number;
  readonly undo?: Compensation | undefined;
}

function end(context: StepContext, completion: Completion, ending: Ending): Completion {
  const { run, step } = context;
  const where = context.where(ending.attempt);
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
        save(context, null);
      } catch (thrown) {
        return errorCompletion(thrown, context.path);
      }
      return NORMAL;
    }
  }
}
