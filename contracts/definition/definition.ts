/** A whole definition, as its author writes it. */
import { z } from 'zod';
import { LIMITS } from '../limits.js';
import { Condition, JsonSchema, Retry, Version } from './fields.js';
import { Mapping } from './mapping.js';
import { DefinitionId, EventName } from './names.js';
import { Step } from './steps.js';
import { ActionMilliseconds, Milliseconds } from './time.js';

const EventTrigger = z
  .strictObject({
    type: z.literal('event'),
    eventName: EventName,
    filter: Condition.optional(),
    payload: Mapping.optional(),
  })
  .meta({ description: 'An event of that name starts a run.' });

const ScheduleTrigger = z
  .strictObject({
    type: z.literal('schedule'),
    cron: z.string('must be text').min(1, 'must not be empty'),
    timezone: z.string('must be text').min(1, 'must not be empty').optional(),
    payload: Mapping.optional(),
  })
  .meta({ description: 'Runs start by the clock.' });

/** What starts runs of a definition, beside callers. */
const Trigger = z.discriminatedUnion('type', [EventTrigger, ScheduleTrigger]);

export const Definition = z
  .strictObject({
    id: DefinitionId.meta({ description: 'The Temporal workflow type.' }),
    version: Version.meta({ description: 'A published version never changes.' }),
    name: z
      .string('must be text')
      .min(1, 'must not be empty')
      .max(200, 'may have at most 200 characters')
      .optional(),
    description: z.string('must be text').optional(),
    payloadSchema: JsonSchema.optional(),
    triggers: z.array(Trigger, 'must be a list of triggers').optional(),
    defaults: z
      .strictObject({ retry: Retry.optional(), timeoutMs: ActionMilliseconds.optional() })
      .optional()
      .meta({ description: 'For every action of the document.' }),
    timeoutMs: Milliseconds.optional().meta({ description: 'Of the whole run, ms.' }),
    onCancel: z.enum(['compensate', 'leave'], { error: 'must be compensate or leave' }).optional(),
    result: Mapping.optional(),
    steps: z.array(Step, 'must be a list of steps'),
  })
  .meta({ title: 'Sluice workflow definition' });
export type Definition = z.infer<typeof Definition>;

/** What holds where a definition is silent. The interpreter applies these; the schema does not. */
export const DEFAULTS = {
  retry: { backoffMs: 1_000, backoffMultiplier: 2, jitter: true, maxDelayMs: 300_000 },
  /** Of one attempt of an action, ms. */
  actionTimeoutMs: LIMITS.actionTimeoutMs,
  heartbeatMs: LIMITS.actionHeartbeatMs,
  concurrency: 1,
  onItemError: 'fail',
  maxIterations: LIMITS.whileDefault,
  join: 'all',
  failCode: 'FAILED',
  onErrorPolicy: 'fail',
} as const;
