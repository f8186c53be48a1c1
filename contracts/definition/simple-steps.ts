/**
 * The step types that hold no other steps. Those that do, and the union of all, are in `steps.ts`.
 *
 * These schemas check shapes only. Rules over several fields (ids are unique, a break is inside a loop,
 * expressions parse …) are in `definitions/`, which reports all problems of a document at once.
 */
import { z } from 'zod';
import { TaskKind } from '../tasks/task.js';
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

const People = {
  account: Mapping.optional().meta({ description: 'Text: this account.' }),
  role: Mapping.optional().meta({ description: 'Text: everyone with this role.' }),
} as const;

const OutcomeName = z
  .string('must be text')
  .regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/, 'must begin with a letter; then letters, digits, - and _');

export const HumanTaskStep = z
  .strictObject({
    ...stepWithOnError,
    type: z.literal('human.task'),
    title: Mapping.meta({ description: 'What is asked, at most 256 characters.' }),
    description: Mapping.optional(),
    taskType: OutcomeName.optional().meta({ description: 'What a user interface chooses its page by.' }),
    kind: z
      .enum(TaskKind.options, { error: `must be one of ${TaskKind.options.join(', ')}` })
      .optional()
      .meta({ description: 'Default human_task. Only an exception_review can be overridden.' }),
    context: Mapping.optional().meta({ description: 'What a person sees.' }),
    form: JsonSchema.optional().meta({ description: 'JSON Schema of the answer.' }),
    outcomes: z
      .array(
        z.union(
          [
            OutcomeName,
            z.strictObject({
              name: OutcomeName,
              alone: z.boolean('must be true or false').optional(),
              form: JsonSchema.optional(),
            }),
          ],
          { error: 'must be a name or {name, alone, form}' },
        ),
        'must be a list of outcomes',
      )
      .min(1, 'must name at least one outcome')
      .max(20, 'may name at most 20 outcomes')
      .optional()
      .meta({ description: 'Default: approve, and reject, which one person decides alone.' }),
    requestedBy: Mapping.optional().meta({ description: 'An account. Default: the actor of the run.' }),
    assignee: z.strictObject(People).optional(),
    exclude: z
      .strictObject({
        requester: z.boolean('must be true or false').optional(),
        deciders: z.boolean('must be true or false').optional(),
        accounts: Mapping.optional(),
      })
      .optional()
      .meta({ description: 'Who must not decide.' }),
    quorum: z
      .array(
        z.strictObject({
          count: z.int('must be a whole number').min(1, 'must be at least 1').max(20, 'may be at most 20'),
          role: Mapping.optional(),
          accounts: Mapping.optional(),
        }),
        'must be a list of {count, role, accounts}',
      )
      .min(1, 'must have an entry')
      .max(10, 'is limited to 10 entries')
      .optional()
      .meta({ description: 'How many distinct people, also by role. Default: one.' }),
    priority: Mapping.optional().meta({ description: 'urgent, high (default), normal or low.' }),
    calendar: Mapping.optional().meta({
      description: 'A business calendar: due, warnBefore and the times of levels are working time by it.',
    }),
    due: Mapping.optional().meta({ description: 'Time of each turn: ms, or an ISO 8601 duration.' }),
    warnBefore: Mapping.optional().meta({ description: 'How long before the deadline people are warned.' }),
    claimFor: Mapping.optional().meta({ description: 'How long a claim lasts. Default 15 minutes.' }),
    onDue: z
      .strictObject({
        escalate: z
          .array(z.strictObject({ ...People, due: Mapping.optional() }), 'must be a list of levels')
          .max(10, 'is limited to 10 levels')
          .optional(),
        outcome: OutcomeName.optional(),
        fail: z.literal(true, 'must be true').optional(),
      })
      .optional()
      .meta({
        description: 'One level after the other, then an outcome or a failure. Default: it stays open.',
      }),
    saveAs: SaveAs.optional(),
    assign: Assign.optional(),
  })
  .meta({ id: 'human.task', description: 'Ask people, and wait for their decision.' });
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
