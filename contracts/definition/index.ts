/** The format of a definition: its schemas, and the pure functions that read it in a workflow and outside. */
export { parseAssignPath } from './assign-path.js';
export { DEFAULTS, Definition, type Trigger } from './definition.js';
export type { Assign, Compensate, Condition, OnError, Retry, TimeoutMs, WaitFilter } from './fields.js';
export { findExpressions, findSecrets, isExpression, isLiteral, isSecret, type Mapping } from './mapping.js';
export { LOOP_NAMES, RESERVED_NAMES } from './names.js';
export { blockAt, type Block, childBlocks, stepAt, walkSteps } from './paths.js';
export type {
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
export {
  type ForEachStep,
  type IfStep,
  type ParallelStep,
  type RaceStep,
  type SagaStep,
  Step,
  STEP_TYPES,
  type StepType,
  type SwitchStep,
  type TryCatchStep,
  type WhileStep,
} from './steps.js';
export { durationToMs, instantToMs, LONGEST_MS } from './time.js';
