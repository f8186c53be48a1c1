/** Fields that several step types share. The interpreter applies `DEFAULTS`; the schemas do not. */
import { z } from 'zod';
import { FilterOp } from '../events/filters.js';
import { isJsonObject, type JsonObject } from '../json.js';
import { AssignPath } from './assign-path.js';
import { Mapping } from './mapping.js';
import { ActionId, ErrorCodeName, EventName, StepId } from './names.js';
import { Milliseconds } from './time.js';

/** `{$expr: source}`, where only an expression is allowed. */
const Expression = z.strictObject({
  $expr: z.string().regex(/\S/, 'must be the text of an expression'),
});

/** A boolean: a literal or an expression. */
export const Condition = z
  .union([z.boolean(), Expression], { error: 'must be true, false or {$expr: …}' })
  .meta({ description: 'true, false or {$expr: …} that returns a boolean.' });
export type Condition = z.infer<typeof Condition>;

/** Milliseconds: a literal, or an expression that is evaluated when the step begins. */
export const TimeoutMs = z
  .union([Milliseconds, Expression], {
    error: 'must be a whole number of milliseconds over 0, or {$expr: …}',
  })
  .meta({ description: 'Milliseconds, or {$expr: …} that returns them.' });
export type TimeoutMs = z.infer<typeof TimeoutMs>;

export const Version = z.int('must be a whole number').positive('must be over 0');

/** A JSON Schema (draft 2020-12). Publishing the definition compiles it. */
export const JsonSchema = z
  .custom<JsonObject>(isJsonObject, 'must be a JSON Schema: an object')
  .meta({ type: 'object', description: 'A JSON Schema, draft 2020-12.' });

/** Retry of a step: each attempt is a new activity or child. */
export const Retry = z
  .strictObject({
    maxAttempts: z
      .int('must be a whole number')
      .min(1, 'must be at least 1')
      .max(10_000, 'may be at most 10,000')
      .meta({ description: 'Attempts in total, the first one included.' }),
    backoffMs: z
      .int('must be a whole number of milliseconds')
      .nonnegative('must not be negative')
      .max(31_536_000_000, 'may be at most 365 days')
      .optional()
      .meta({ description: 'Wait before the second attempt, ms. Default 1000.' }),
    backoffMultiplier: z
      .number('must be a number')
      .min(1, 'must be at least 1')
      .max(100, 'may be at most 100')
      .optional()
      .meta({ description: 'Each further wait is this many times the previous one. Default 2.' }),
    jitter: z.boolean('must be true or false').optional().meta({
      description: 'Vary each wait, so that many runs do not retry at the same moment. Default true.',
    }),
    maxDelayMs: Milliseconds.optional().meta({ description: 'Longest wait, ms.' }),
    retryOn: z
      .array(ErrorCodeName, 'must be a list of error codes')
      .min(1, 'must name at least one code')
      .optional()
      .meta({ description: 'Retry only these codes. Default: every retryable code.' }),
  })
  .meta({ id: 'Retry', description: 'Default: one attempt.' });
export type Retry = z.infer<typeof Retry>;

/** What a failure of the step means for the run. */
export const OnError = z
  .strictObject({ policy: z.enum(['fail', 'continue'], { error: 'must be fail or continue' }) })
  .meta({ description: 'continue: the step is FAILED, saveAs gets null, and the run goes on.' });
export type OnError = z.infer<typeof OnError>;

/** Assignments in order; later ones see earlier ones; all or nothing. */
export const Assign = z
  .record(AssignPath, Mapping)
  .meta({ description: 'Path below vars → value. In order: later entries see earlier ones.' });
export type Assign = z.infer<typeof Assign>;

export const SaveAs = AssignPath.meta({
  description: 'Path below vars that gets the result, such as vars.charge.',
});

/** A condition on an event's payload. Its value is evaluated once, when the wait opens. */
export const WaitFilter = z.strictObject({
  path: z
    .string()
    .min(1, 'must not be empty')
    .meta({ description: "Relative to the event's payload, such as order.total." }),
  op: FilterOp,
  value: Mapping.optional(),
});
export type WaitFilter = z.infer<typeof WaitFilter>;

export const EventNames = z
  .union(
    [
      EventName,
      z.array(EventName).min(1, 'must name at least one event').max(100, 'may name at most 100 events'),
    ],
    {
      error: 'must be the name of an event or a list of names',
    },
  )
  .meta({ description: 'The name of an event, or a list of names.' });

/** Labels of steps, for policies. */
export const Tags = z
  .array(
    z.string('must be text').min(1, 'must not be empty').max(100, 'must have at most 100 characters'),
    'must be a list of texts',
  )
  .max(50, 'must have at most 50 entries')
  .meta({ description: 'Labels by which an authorization policy can select the step.' });

/** The action that undoes the effects of a step. */
export const Compensate = z.strictObject({
  action: ActionId,
  version: Version.optional(),
  input: Mapping.optional().meta({
    description: 'Sees the input and output of the step as they were, and all that the step sees.',
  }),
  retry: Retry.optional(),
  onFailure: z.boolean('must be true or false').optional().meta({
    description: 'true: a failed step is compensated too, because it may have had an effect.',
  }),
});
export type Compensate = z.infer<typeof Compensate>;

/** Fields of every step. */
export const step = {
  id: StepId.meta({ description: 'Unique in the document.' }),
  name: z
    .string('must be text')
    .min(1, 'must not be empty')
    .max(200, 'must have at most 200 characters')
    .optional()
    .meta({ description: 'For people: lists and the timeline show it.' }),
  when: Condition.optional().meta({ description: 'false skips the step.' }),
} as const;

/** Fields of every step except control.return and control.fail. */
export const stepWithOnError = { ...step, onError: OnError.optional() } as const;
