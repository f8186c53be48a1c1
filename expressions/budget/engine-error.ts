/** What Sluice's own parts of the engine throw, and the error code that each becomes. */
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

/** Never leaves this room: `evaluate` and `check` make a SluiceError or a problem of it. */
export class EngineError extends Error {
  /** Where the token of the failing call ends; the engine sets it on the way. */
  position?: number;
  token?: unknown;

  constructor(
    readonly kind: keyof typeof ENGINE_CODES,
    message: string,
  ) {
    super(message);
  }
}

/** What a value is, for a message; never the value itself, which may be private. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  return typeof value === 'function' ? 'a function' : `a ${typeof value}`;
}
