/** A definition, as its author writes it. */
import { z } from 'zod';
import { LIMITS } from '../limits.js';
import { JsonSchema, Retry, Version } from './fields.js';
import { Mapping } from './mapping.js';
import { DefinitionId } from './names.js';
import { Step } from './steps.js';
import { Trigger } from './triggers.js';
import { ActionMilliseconds, Milliseconds } from './time.js';

export const Definition = z
  .strictObject({
    id: DefinitionId.meta({ description: 'The Temporal workflow type.' }),
    version: Version.meta({ description: 'A published version never changes.' }),
    name: z
      .string('must be text')
      .min(1, 'must not be empty')
      .max(200, 'must have at most 200 characters')
      .optional(),
    description: z.string('must be text').optional(),
    payloadSchema: JsonSchema.optional(),
    triggers: z.array(Trigger, 'must be a list of triggers').optional(),
    defaults: z
      .strictObject({ retry: Retry.optional(), timeoutMs: ActionMilliseconds.optional() })
      .optional()
      .meta({ description: 'For every action of the document.' }),
    priority: z
      .int('must be a whole number')
      .min(1, 'must be from 1 to 5')
      .max(5, 'must be from 1 to 5')
      .optional()
      .meta({
        description:
          'Which of the actions that wait for a worker go first: 1 first, 5 last, default 3. The operator bounds it.',
      }),
    timeoutMs: Milliseconds.optional().meta({ description: 'Limit of the whole run, ms.' }),
    onCancel: z
      .enum(['compensate', 'leave'], { error: 'must be compensate or leave' })
      .optional()
      .meta({ description: 'Whether a cancelled run compensates its completed steps. Default compensate.' }),
    result: Mapping.optional(),
    steps: z.array(Step, 'must be a list of steps'),
  })
  .meta({ title: 'Sluice workflow definition' });
export type Definition = z.infer<typeof Definition>;

/** The values of omitted fields. The interpreter applies these; the schema does not. */
export const DEFAULTS = {
  retry: { backoffMs: 1_000, backoffMultiplier: 2, jitter: true, maxDelayMs: 300_000 },
  /** Timeout of one attempt of an action, ms. */
  actionTimeoutMs: LIMITS.actionTimeoutMs,
  heartbeatMs: LIMITS.actionHeartbeatMs,
  concurrency: 1,
  onItemError: 'fail',
  onCancel: 'compensate',
  maxIterations: LIMITS.whileDefault,
  join: 'all',
  failCode: 'FAILED',
  onErrorPolicy: 'fail',
  priority: 3,
} as const;
