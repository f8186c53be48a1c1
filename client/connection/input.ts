/** What the client does with its caller's input. */
import type { z } from 'zod';
import { SluiceError } from '../../contracts/errors.js';

/** Parses the caller's input. @throws SluiceError INPUT_INVALID that names every wrong field */
export function parseOrRefuse<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new SluiceError('INPUT_INVALID', problems.join('; '), { details: problems });
}

/** Drops the keys that are undefined: they would become null in JSON or override a default. */
export function withoutUndefined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
