/** Fields that several step types share. Defaults are not applied here: the interpreter applies `DEFAULTS`. */
import { z } from 'zod';
import { FilterOp } from '../events/filters.js';
import { isJsonObject, type JsonObject } from '../json.js';
import { AssignPath } from './assign-path.js';
import { Mapping } from './mapping.js';
import { ActionId, ErrorCodeName, EventName, StepId } from './names.js';
import { Milliseconds } from './time.js';

/** `{$expr: source}` where nothing but an expression can stand. */
const Expression = z.strictObject({
  $expr: z.string().regex(/\S/, 'must be the text of an expression'),
});

/** A boolean: literally, or as an expression. */
export const Condition = z
  .union([z.boolean(), Expression], { error: 'must be true, false or {$expr: …}' })
  .meta({ description: 'true, false or {$expr: …} that gives a boolean.' });
export type Condition = z.infer<typeof Condition>;

/** Milliseconds: literally, or as an expression that gives them when the step begins. */
export const TimeoutMs = z
  .union([Milliseconds, Expression], {
    error: 'must be a whole number of milliseconds over 0, or {$expr: …}',
  })
  .meta({ description: 'Milliseconds, or {$expr: …} that gives them.' });
export type TimeoutMs = z.infer<typeof TimeoutMs>;

export const Version = z.int('must be a whole number').positive('must be over 0');

/** A JSON Schema (draft 2020-12). It is compiled when the definition is published. */
export const JsonSchema = z
  .custom<JsonObject>(isJsonObject, 'must be a JSON Schema: an object')
  .meta({ type: 'object', description: 'A JSON Schema, draft 2020-12.' });

/** Business retry: each attempt is a new activity (or child). */
export const Retry = z
  .strictObject({
    maxAttempts: z
      .int('must be a whole number')
      .min(1, 'must be at least 1')
      .max(10_000, 'may be at most 10,000')
      .meta({ description: 'Attempts in all, the first one included.' }),
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
      .meta({ description: 'Each further wait is this many times the one before. Default 2.' }),
    jitter: z.boolean('must be true or false').optional().meta({
      description: 'Vary each wait, so that many runs do not try at the same moment. Default true.',
    }),
    maxDelayMs: Milliseconds.optional().meta({ description: 'Longest wait, ms.' }),
    retryOn: z
      .array(ErrorCodeName, 'must be a list of error codes')
      .min(1, 'must name at least one code')
      .optional()
      .meta({ description: 'Only these codes. Default: every code that is retryable.' }),
  })
  .meta({ id: 'Retry', description: 'Without it: one attempt.' });
export type Retry = z.infer<typeof Retry>;

/** What happens to the run when the step fails. */
export const OnError = z
  .strictObject({ policy: z.enum(['fail', 'continue'], { error: 'must be fail or continue' }) })
  .meta({ description: 'continue: the step shows as FAILED, saveAs gets null, and the run goes on.' });
export type OnError = z.infer<typeof OnError>;

/** Assignments in order; later ones see earlier ones; all or nothing. */
export const Assign = z
  .record(AssignPath, Mapping)
  .meta({ description: 'Path below vars → value. In order; later entries see earlier ones.' });
export type Assign = z.infer<typeof Assign>;

export const SaveAs = AssignPath.meta({
  description: 'Path below vars that gets the outcome, such as vars.charge.',
});

/** A condition of an event's payload; the value is evaluated once, when the wait opens. */
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

/** Labels by which a policy speaks of steps. */
export const Tags = z
  .array(
    z.string('must be text').min(1, 'must not be empty').max(100, 'may have at most 100 characters'),
    'must be a list of texts',
  )
  .max(50, 'may have at most 50 entries')
  .meta({ description: 'Labels by which an authorization policy speaks of the step.' });

/** The action that undoes a step. */
export const Compensate = z.strictObject({
  action: ActionId,
  version: Version.optional(),
  input: Mapping.optional().meta({
    description: 'Sees input and output of the step as they were, beside all that the step sees.',
  }),
  retry: Retry.optional(),
  onFailure: z.boolean('must be true or false').optional().meta({
    description: 'true: a step that failed is undone as well, because it may have had an effect.',
  }),
});
export type Compensate = z.infer<typeof Compensate>;

/** What every step has. */
export const step = {
  id: StepId.meta({ description: 'Unique in the document.' }),
  name: z
    .string('must be text')
    .min(1, 'must not be empty')
    .max(200, 'may have at most 200 characters')
    .optional()
    .meta({ description: 'For people: shown in lists and in the timeline.' }),
  when: Condition.optional().meta({ description: 'false skips the step.' }),
} as const;

/** What every step but control.return and control.fail has. */
export const stepWithOnError = { ...step, onError: OnError.optional() } as const;
