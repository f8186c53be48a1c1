/** Parts of requests that several routes share. */
import { z } from '@hono/zod-openapi';
import { LIMITS } from '../../contracts/limits.js';
import { RunStatus } from '../../contracts/run/run.js';

/** True for text without control characters, which a store and a log can hold. */
export function isPlain(text: string): boolean {
  return !/\p{Cc}/u.test(text);
}

/** Most characters of an id and of a cursor, and most entries of a page. */
const ID_CHARACTERS = 256;
const CURSOR_CHARACTERS = 2_048;
const PAGE_MOST = 500;

export const Id = z.string().min(1).max(ID_CHARACTERS).refine(isPlain, 'must not have control characters');

export const RunParams = z.strictObject({
  runId: Id.openapi({ description: 'Id of the run, not of its workflow.' }),
});

/** The length of a page, in a query. */
const limit = z.coerce
  .number('must be a number')
  .int('must be a whole number')
  .min(1)
  .max(PAGE_MOST)
  .optional()
  .openapi({
    type: 'integer',
    minimum: 1,
    maximum: PAGE_MOST,
    description: 'Entries of a page; default 50.',
  });

const after = z
  .string()
  .min(1)
  .max(CURSOR_CHARACTERS)
  .refine(isPlain, 'must not have control characters')
  .optional()
  .openapi({ description: '`next` of the previous page.' });

export const PageQuery = z.strictObject({ after, limit });

/** `true` or `false` in a query. */
export const Flag = z
  .enum(['true', 'false'])
  .optional()
  .transform((value) => value === 'true')
  .openapi({ type: 'string', enum: ['true', 'false'] });

const Instant = z.iso
  .datetime({ offset: true, error: 'must be an ISO instant with an offset' })
  .openapi({ format: 'date-time' });

const filter = {
  definition: Id.optional(),
  status: RunStatus.optional(),
  state: Id.optional(),
  correlationKey: z.string().min(1).max(LIMITS.correlationKeyCharacters).optional(),
  parentRunId: Id.optional(),
  rerunOf: Id.optional().openapi({ description: 'The re-runs of that run.' }),
  startedFrom: Instant.optional(),
  startedBefore: Instant.optional(),
};

export const RunFilterBody = z.strictObject(filter).openapi('RunFilter');
export const RunListQuery = z.strictObject({ ...filter, after, limit });

/** Most characters of a reason. */
const REASON_CHARACTERS = 1_000;

/** Why a caller acts, for the audit. */
export const Reason = z.string().max(REASON_CHARACTERS);

/** A JSON value of any kind. */
export const AnyJson = z.unknown().optional();

/** Most characters of the name of a thing: an event's source and id, and what is between. */
const THING_CHARACTERS = 2 * LIMITS.eventIdCharacters + 16;

/** What an act was on, such as `run:ID`. */
export const Thing = z
  .string()
  .min(1)
  .max(THING_CHARACTERS)
  .refine(isPlain, 'must not have control characters')
  .openapi({ description: 'Only acts on this, such as `run:ID`, `definition:ID` or `event:SOURCE/ID`.' });

/** An event in an audit row. */
export function eventThing(source: string, eventId: string): string {
  return `event:${source}/${eventId}`;
}
