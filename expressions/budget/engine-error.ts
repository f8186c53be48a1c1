/** The errors that Sluice's parts of the engine throw, and their error codes. */
import type { ErrorCode } from '../../contracts/errors.js';

export const ENGINE_CODES = {
  limit: 'EXPRESSION_BUDGET',
  regex: 'EXPRESSION_SYNTAX',
  argument: 'EXPRESSION_TYPE',
  clock: 'EXPRESSION_DISALLOWED_FUNCTION',
  notJson: 'EXPRESSION_NOT_JSON',
  tooLarge: 'EXPRESSION_TOO_LARGE',
  undefined: 'EXPRESSION_UNDEFINED',
} as const satisfies Record<string, ErrorCode>;

/** Internal: `evaluate` and `check` convert it to a SluiceError or a problem. */
export class EngineError extends Error {
  /** End of the token of the failing call; the engine sets it while it unwinds. */
  position?: number;
  token?: unknown;

  constructor(
    readonly kind: keyof typeof ENGINE_CODES,
    message: string,
  ) {
    super(message);
  }
}

/** The kind of a value, for a message; never the value, which may be private. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  return typeof value === 'function' ? 'a function' : `a ${typeof value}`;
}
