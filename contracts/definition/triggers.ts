/**
 * Triggers: what starts runs of a definition besides callers. Rules over several fields: trigger-rules.ts.
 */
import { z } from 'zod';
import { Condition } from './fields.js';
import { Mapping } from './mapping.js';
import { EventName } from './names.js';
import { Milliseconds } from './time.js';

const EventTrigger = z
  .strictObject({
    type: z.literal('event'),
    eventName: EventName,
    filter: Condition.optional(),
    payload: Mapping.optional().meta({
      description: 'The payload of the run. Default: the payload of the event.',
    }),
  })
  .meta({ description: 'An event with that name starts a run.' });
export type EventTrigger = z.infer<typeof EventTrigger>;

const ScheduleTrigger = z
  .strictObject({
    type: z.literal('schedule'),
    cron: z
      .string('must be text')
      .min(1, 'must not be empty')
      .optional()
      .meta({ description: 'Minute, hour, day of month, month, day of week.' }),
    everyMs: Milliseconds.optional().meta({ description: 'Interval, ms; at least 1,000.' }),
    at: z
      .string('must be text')
      .optional()
      .meta({ description: 'Once, at this instant: ISO 8601 with an offset.' }),
    timezone: z
      .string('must be text')
      .min(1, 'must not be empty')
      .optional()
      .meta({ description: 'Time zone of cron: an IANA name such as Europe/Paris. Default UTC.' }),
    overlap: z
      .enum(['skip', 'bufferOne', 'bufferAll', 'cancelOther', 'terminateOther', 'allowAll'], {
        error: 'must be skip, bufferOne, bufferAll, cancelOther, terminateOther or allowAll',
      })
      .optional()
      .meta({ description: 'What to do if the previous run has not ended. Default skip.' }),
    catchupMs: Milliseconds.optional().meta({
      description:
        'After an outage, starts that are late by at most this are caught up, ms. Default one year.',
    }),
    payload: Mapping.optional().meta({ description: 'The payload of the run, as a literal.' }),
  })
  .meta({ description: 'The clock starts runs: cron, everyMs or at.' });
export type ScheduleTrigger = z.infer<typeof ScheduleTrigger>;

export const Trigger = z.discriminatedUnion('type', [EventTrigger, ScheduleTrigger]);
