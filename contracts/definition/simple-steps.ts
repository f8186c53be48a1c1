/**
 * The step types that hold no other steps. Those that do, and the union of all, are in `steps.ts`.
 *
 * These schemas check shapes only. Rules over several fields (ids are unique, a break is inside a loop,
 * expressions parse …) are in `definitions/`, which reports all problems of a document at once.
 */
import { z } from 'zod';
import {
  Assign,
  Compensate,
  EventNames,
  JsonSchema,
  Retry,
  SaveAs,
  step,
  stepWithOnError,
  Tags,
  TimeoutMs,
  Version,
  WaitFilter,
} from './fields.js';
import { Mapping } from './mapping.js';
import { ActionId, DefinitionId, ErrorCodeName, EventName } from './names.js';
import { ActionMilliseconds, Milliseconds } from './time.js';

export const ActionCallStep = z
  .strictObject({
    ...stepWithOnError,
    type: z.literal('action.call'),
    action: ActionId,
    version: Version.optional(),
    input: Mapping.optional(),
    saveAs: SaveAs.optional(),
    retry: Retry.optional(),
    timeoutMs: ActionMilliseconds.optional().meta({
      description: 'Limit of one attempt, ms. Default 5 minutes.',
    }),
    heartbeatMs: ActionMilliseconds.optional().meta({
      description: 'A worker that sends no heartbeat for so long counts as lost, ms.',
    }),
    idempotencyKey: Mapping.optional(),
    compensate: Compensate.optional(),
    tags: Tags.optional(),
    local: z
      .boolean('must be true or false')
      .optional()
      .meta({ description: 'Run as a local activity: for short actions that may run twice.' }),
  })
  .meta({ id: 'action.call', description: 'Run an action of the catalogue.' });
export type ActionCallStep = z.infer<typeof ActionCallStep>;

export const StateSetStep = z
  .strictObject({ ...stepWithOnError, type: z.literal('state.set'), state: Mapping })
  .meta({ id: 'state.set', description: 'Set the business state of the run.' });
export type StateSetStep = z.infer<typeof StateSetStep>;

export const TransformAssignStep = z
  .strictObject({ ...stepWithOnError, type: z.literal('transform.assign'), assign: Assign })
  .meta({ id: 'transform.assign', description: 'Assign variables in order, all or nothing.' });
export type TransformAssignStep = z.infer<typeof TransformAssignStep>;

export const EventPublishStep = z
  .strictObject({
    ...stepWithOnError,
    type: z.literal('event.publish'),
    eventName: EventName,
    payload: Mapping.optional(),
    correlationKey: Mapping.optional(),
  })
  .meta({ id: 'event.publish', description: 'Publish an event to the bus.' });
export type EventPublishStep = z.infer<typeof EventPublishStep>;

export const EventWaitStep = z
  .strictObject({
    ...stepWithOnError,
    type: z.literal('event.wait'),
    eventName: EventNames,
    correlationKey: Mapping.optional(),
    filters: z.array(WaitFilter, 'must be a list of {path, op, value}').optional(),
    timeoutMs: TimeoutMs.optional(),
    lookbackMs: z
      .int('must be a whole number of milliseconds')
      .nonnegative('must not be negative')
      .optional()
      .meta({
        description: 'Accept events that came up to so long ago, ms; 0: none. Default: since the run began.',
      }),
    assign: Assign.optional(),
  })
  .meta({
    id: 'event.wait',
    description: 'Wait for a matching event; without timeoutMs the wait has no limit.',
  });
export type EventWaitStep = z.infer<typeof EventWaitStep>;

export const TimeWaitStep = z
  .strictObject({
    ...stepWithOnError,
    type: z.literal('time.wait'),
    durationMs: Mapping.optional(),
    duration: Mapping.optional(),
    until: Mapping.optional(),
    assign: Assign.optional(),
  })
  .meta({ id: 'time.wait', description: 'A durable timer: exactly one of durationMs, duration and until.' });
export type TimeWaitStep = z.infer<typeof TimeWaitStep>;

export const HumanTaskStep = z
  .strictObject({
    ...stepWithOnError,
    type: z.literal('human.task'),
    taskType: z
      .string('must be text')
      .min(1, 'must not be empty')
      .max(256, 'must have at most 256 characters'),
    title: Mapping.optional(),
    description: Mapping.optional(),
    context: Mapping.optional(),
    responseSchema: JsonSchema.optional(),
    assignee: Mapping.optional(),
    sla: TimeoutMs.optional(),
    timeoutMs: TimeoutMs.optional(),
    assign: Assign.optional(),
  })
  .meta({ id: 'human.task', description: "Wait for a person's answer." });
export type HumanTaskStep = z.infer<typeof HumanTaskStep>;

export const CallWorkflowStep = z
  .strictObject({
    ...stepWithOnError,
    type: z.literal('control.callWorkflow'),
    workflow: DefinitionId,
    version: Version.optional(),
    input: Mapping.optional(),
    saveAs: SaveAs.optional(),
    retry: Retry.optional(),
    timeoutMs: Milliseconds.optional(),
    detached: z.boolean('must be true or false').optional(),
  })
  .meta({ id: 'control.callWorkflow', description: 'Run another definition as a child workflow.' });
export type CallWorkflowStep = z.infer<typeof CallWorkflowStep>;

export const BreakStep = z
  .strictObject({ ...stepWithOnError, type: z.literal('control.break') })
  .meta({ id: 'control.break', description: 'Leave the nearest loop.' });
export type BreakStep = z.infer<typeof BreakStep>;

export const ContinueStep = z
  .strictObject({ ...stepWithOnError, type: z.literal('control.continue') })
  .meta({ id: 'control.continue', description: 'Continue with the next iteration of the nearest loop.' });
export type ContinueStep = z.infer<typeof ContinueStep>;

export const ReturnStep = z
  .strictObject({ ...step, type: z.literal('control.return'), result: Mapping.optional() })
  .meta({ id: 'control.return', description: 'End the run successfully, from any depth.' });
export type ReturnStep = z.infer<typeof ReturnStep>;

export const FailStep = z
  .strictObject({
    ...step,
    type: z.literal('control.fail'),
    code: ErrorCodeName.optional(),
    message: Mapping.optional(),
    details: Mapping.optional(),
    rethrow: z.boolean('must be true or false').optional(),
  })
  .meta({ id: 'control.fail', description: 'End the branch with an error that a catch can see.' });
export type FailStep = z.infer<typeof FailStep>;
