/** The format of a definition: its schemas, and pure functions that read it inside and outside workflows. */
export { parseAssignPath } from './assign-path.js';
export { cronNeverFires, type CronProblem, cronProblem } from './cron.js';
export { DEFAULTS, Definition } from './definition.js';
export type { EventTrigger, ScheduleTrigger } from './triggers.js';
export type { Retry } from './fields.js';
export { findExpressions, findSecrets, isExpression, isLiteral, isSecret } from './mapping.js';
export { blockAt, childBlocks, stepAt, walkSteps } from './paths.js';
export type {
  ActionCallStep,
  CallWorkflowStep,
  EventPublishStep,
  EventWaitStep,
  FailStep,
  HumanTaskStep,
  TimeWaitStep,
} from './simple-steps.js';
export {
  type ForEachStep,
  type ParallelStep,
  type RaceStep,
  type SagaStep,
  Step,
  STEP_TYPES,
  type StepType,
  type WhileStep,
} from './steps.js';
export { durationToMs, instantToMs, LONGEST_MS } from './time.js';
