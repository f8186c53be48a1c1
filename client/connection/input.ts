/** What the client does with its caller's input. */
import type { z } from 'zod';
import { type ErrorCode, messageOf, SluiceError } from '../../contracts/errors.js';
import { jsonSize } from '../../contracts/json.js';
import { refuseFaults } from '../../contracts/reading/read-json.js';

/** Parses the caller's input. @throws SluiceError INPUT_INVALID that names every wrong field */
export function parseOrRefuse<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new SluiceError('INPUT_INVALID', problems.join('; '), { details: problems });
}

/**
 * Refuses a value that is not JSON, or that would be rounded or changed on its way.
 * @returns its size, bytes
 * @throws SluiceError `code`, with each place in its details
 */
export function checkedSize(value: unknown, what: string, code: ErrorCode): number {
  let bytes: number;
  try {
    bytes = jsonSize(value);
  } catch (error) {
    // A cycle or a bigint.
    throw new SluiceError(code, `${what} is not JSON: ${messageOf(error)}`, { cause: error });
  }
  refuseFaults(value, what, code);
  return bytes;
}

/** Drops the keys that are undefined: they would become null in JSON or override a default. */
export function withoutUndefined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
