/**
 * The step types that hold other steps, and the union of all steps; docs/definition.md says what each means.
 * Their types are interfaces because a step is recursive; `satisfies` keeps each equal to its schema.
 */
import { z } from 'zod';
import { LIMITS } from '../limits.js';
import { Condition, type OnError, SaveAs, stepWithOnError } from './fields.js';
import { Mapping } from './mapping.js';
import { BranchName, ErrorCodeName, ItemName, LexicalName } from './names.js';
import {
  ActionCallStep,
  BreakStep,
  CallWorkflowStep,
  ContinueStep,
  EventPublishStep,
  EventWaitStep,
  FailStep,
  HumanTaskStep,
  ReturnStep,
  StateSetStep,
  TimeWaitStep,
  TransformAssignStep,
} from './simple-steps.js';

/** A list of steps, run in order. It may be empty. */
const Steps: z.ZodType<Step[]> = z.lazy(() => z.array(Step, 'must be a list of steps')).meta({ id: 'Steps' });

interface StepFields<T extends string> {
  id: string;
  type: T;
  name?: string | undefined;
  when?: Condition | undefined;
  onError?: OnError | undefined;
}

interface IfStep extends StepFields<'control.if'> {
  condition: Condition;
  then: Step[];
  else?: Step[] | undefined;
}
const IfStep = z
  .strictObject({
    ...stepWithOnError,
    type: z.literal('control.if'),
    condition: Condition,
    then: Steps,
    else: Steps.optional(),
  })
  .meta({ id: 'control.if', description: 'Run one list of steps or the other.' }) satisfies z.ZodType<IfStep>;

interface SwitchStep extends StepFields<'control.switch'> {
  cases: { when: Condition; steps: Step[] }[];
  default?: Step[] | undefined;
}
const SwitchStep = z
  .strictObject({
    ...stepWithOnError,
    type: z.literal('control.switch'),
    cases: z.array(z.strictObject({ when: Condition, steps: Steps }), 'must be a list of {when, steps}'),
    default: Steps.optional(),
  })
  .meta({
    id: 'control.switch',
    description: 'Run the first case whose condition is true.',
  }) satisfies z.ZodType<SwitchStep>;

export interface ForEachStep extends StepFields<'control.forEach'> {
  items: Mapping;
  itemVar?: string | undefined;
  concurrency?: number | undefined;
  body: Step[];
  collect?: Mapping | undefined;
  saveAs?: string | undefined;
  onItemError?: 'fail' | 'continue' | undefined;
}
export const ForEachStep = z
  .strictObject({
    ...stepWithOnError,
    type: z.literal('control.forEach'),
    items: Mapping,
    itemVar: ItemName.optional().meta({ description: 'A second name for `item` inside the body.' }),
    concurrency: z
      .int('must be a whole number')
      .min(1, 'must be at least 1')
      .max(LIMITS.concurrency, `may be at most ${LIMITS.concurrency}`)
      .optional()
      .meta({ description: 'Iterations at once. Default 1.' }),
    body: Steps,
    collect: Mapping.optional(),
    saveAs: SaveAs.optional(),
    onItemError: z.enum(['fail', 'continue'], { error: 'must be fail or continue' }).optional(),
  })
  .meta({
    id: 'control.forEach',
    description: 'Run the body once for each item.',
  }) satisfies z.ZodType<ForEachStep>;

export interface WhileStep extends StepFields<'control.while'> {
  condition: Condition;
  body: Step[];
  maxIterations?: number | undefined;
}
export const WhileStep = z
  .strictObject({
    ...stepWithOnError,
    type: z.literal('control.while'),
    condition: Condition,
    body: Steps,
    maxIterations: z
      .int('must be a whole number')
      .min(1, 'must be at least 1')
      .max(LIMITS.whileMost, 'may be at most 1,000,000')
      .optional()
      .meta({ description: 'The loop fails with LOOP_LIMIT past it. Default 1,000.' }),
  })
  .meta({
    id: 'control.while',
    description: 'Run the body while the condition is true.',
  }) satisfies z.ZodType<WhileStep>;

const Branches = z
  .record(BranchName, Steps)
  .refine((branches) => Object.keys(branches).length > 0, 'needs at least one branch')
  .refine(
    (branches) => Object.keys(branches).length <= LIMITS.concurrency,
    `must have at most ${LIMITS.concurrency} branches`,
  )
  .meta({ description: 'Name → steps; the order of the names has meaning.' });

export interface ParallelStep extends StepFields<'control.parallel'> {
  branches: Record<string, Step[]>;
  join?: 'all' | 'settled' | undefined;
  saveAs?: string | undefined;
}
export const ParallelStep = z
  .strictObject({
    ...stepWithOnError,
    type: z.literal('control.parallel'),
    branches: Branches,
    join: z.enum(['all', 'settled'], { error: 'must be all or settled' }).optional(),
    saveAs: SaveAs.optional(),
  })
  .meta({
    id: 'control.parallel',
    description: 'Run branches at once; the step ends when all have ended.',
  }) satisfies z.ZodType<ParallelStep>;

export interface RaceStep extends StepFields<'control.race'> {
  branches: Record<string, Step[]>;
  saveAs?: string | undefined;
}
export const RaceStep = z
  .strictObject({
    ...stepWithOnError,
    type: z.literal('control.race'),
    branches: Branches,
    saveAs: SaveAs.optional(),
  })
  .meta({
    id: 'control.race',
    description: 'Run branches at once; the first to finish wins.',
  }) satisfies z.ZodType<RaceStep>;

interface TryCatchStep extends StepFields<'control.tryCatch'> {
  try: Step[];
  catch?: Step[] | undefined;
  catchCodes?: string[] | undefined;
  finally?: Step[] | undefined;
  captureErrorAs?: string | undefined;
}
const TryCatchStep = z
  .strictObject({
    ...stepWithOnError,
    type: z.literal('control.tryCatch'),
    try: Steps,
    catch: Steps.optional(),
    catchCodes: z
      .array(ErrorCodeName, 'must be a list of error codes')
      .min(1, 'must name at least one code')
      .optional()
      .meta({ description: 'Catch only these codes. Default: all.' }),
    finally: Steps.optional(),
    captureErrorAs: LexicalName.optional().meta({
      description: 'A second name for `error` inside the catch.',
    }),
  })
  .meta({
    id: 'control.tryCatch',
    description: 'Handle errors and clean up.',
  }) satisfies z.ZodType<TryCatchStep>;

export interface SagaStep extends StepFields<'control.saga'> {
  steps: Step[];
}
const SagaStep = z.strictObject({ ...stepWithOnError, type: z.literal('control.saga'), steps: Steps }).meta({
  id: 'control.saga',
  description: 'A separate compensation scope: a failure inside compensates these steps.',
}) satisfies z.ZodType<SagaStep>;

/** Any step; `type` discriminates. */
export type Step =
  | ActionCallStep
  | StateSetStep
  | TransformAssignStep
  | EventPublishStep
  | EventWaitStep
  | TimeWaitStep
  | HumanTaskStep
  | CallWorkflowStep
  | BreakStep
  | ContinueStep
  | ReturnStep
  | FailStep
  | IfStep
  | SwitchStep
  | ForEachStep
  | WhileStep
  | ParallelStep
  | RaceStep
  | TryCatchStep
  | SagaStep;
export type StepType = Step['type'];

const SCHEMAS = {
  'action.call': ActionCallStep,
  'state.set': StateSetStep,
  'transform.assign': TransformAssignStep,
  'event.publish': EventPublishStep,
  'event.wait': EventWaitStep,
  'time.wait': TimeWaitStep,
  'human.task': HumanTaskStep,
  'control.if': IfStep,
  'control.switch': SwitchStep,
  'control.forEach': ForEachStep,
  'control.while': WhileStep,
  'control.break': BreakStep,
  'control.continue': ContinueStep,
  'control.parallel': ParallelStep,
  'control.race': RaceStep,
  'control.tryCatch': TryCatchStep,
  'control.saga': SagaStep,
  'control.callWorkflow': CallWorkflowStep,
  'control.return': ReturnStep,
  'control.fail': FailStep,
} as const satisfies { readonly [T in StepType]: z.ZodType<Extract<Step, { type: T }>> };

/** Every step type, in the order of the manual. */
export const STEP_TYPES = Object.keys(SCHEMAS) as readonly StepType[];

export const Step = z.discriminatedUnion('type', [
  ActionCallStep,
  StateSetStep,
  TransformAssignStep,
  EventPublishStep,
  EventWaitStep,
  TimeWaitStep,
  HumanTaskStep,
  IfStep,
  SwitchStep,
  ForEachStep,
  WhileStep,
  BreakStep,
  ContinueStep,
  ParallelStep,
  RaceStep,
  TryCatchStep,
  SagaStep,
  CallWorkflowStep,
  ReturnStep,
  FailStep,
]);
