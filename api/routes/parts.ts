/** Parts of requests that several routes share. */
import { z } from '@hono/zod-openapi';
import { RunStatus } from '../../contracts/run/run.js';

/** Without control characters: what a store and a log can hold. */
export function isPlain(text: string): boolean {
  return !/\p{Cc}/u.test(text);
}

/** Text that a store can hold: no control characters. */
export const Id = z.string().min(1).max(256).refine(isPlain, 'must not have control characters');

export const RunParams = z.strictObject({
  runId: Id.openapi({ description: 'Id of the run, not of the workflow.' }),
});

/** A number in a query, as a whole one. */
const limit = z.coerce
  .number('must be a number')
  .int('must be a whole number')
  .min(1)
  .max(500)
  .optional()
  .openapi({ type: 'integer', minimum: 1, maximum: 500, description: 'Entries of a page; default 50.' });

const after = z
  .string()
  .min(1)
  .max(2_048)
  .refine(isPlain, 'must not have control characters')
  .optional()
  .openapi({ description: '`next` of the page before.' });

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
  correlationKey: z.string().min(1).max(10_240).optional(),
  parentRunId: Id.optional(),
  rerunOf: Id.optional().openapi({ description: 'Re-runs of that run.' }),
  startedFrom: Instant.optional(),
  startedBefore: Instant.optional(),
};

export const RunFilterBody = z.strictObject(filter).openapi('RunFilter');
export const RunListQuery = z.strictObject({ ...filter, after, limit });

/** Why something is done, for the audit. */
export const Reason = z.string().max(1_000);

/** A JSON value of any kind. */
export const AnyJson = z.unknown().optional();
