/** Parses the arguments of activities; a refusal has a code and is never retried. */
import type { z } from 'zod';
import { type ErrorCode, SluiceError } from '../../contracts/errors.js';
import type { Json } from '../../contracts/json.js';
import { refusal } from './failures.js';

/** A path for authors: `$.items[2].sku`. */
function jsonPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : `${text}.${String(key)}`),
    '$',
  );
}

/** An error that lists what a schema refused, with paths. */
export function issuesOf(code: ErrorCode, what: string, error: z.ZodError): SluiceError {
  const issues = error.issues.map(({ path, message }) => ({ path: jsonPath(path), message }));
  return new SluiceError(
    code,
    `${what}: ${issues.map(({ path, message }) => `${path} ${message}`).join('; ')}`,
    {
      details: { issues } as Json,
    },
  );
}

/**
 * Parses an argument of an activity.
 * @throws ApplicationFailure INPUT_INVALID, non-retryable
 */
export function parseOrRefuse<T extends z.ZodType>(schema: T, value: unknown, what: string): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw refusal(issuesOf('INPUT_INVALID', what, parsed.error));
}
