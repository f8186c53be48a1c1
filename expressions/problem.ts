/** Problems of expressions. Converts JSONata's errors to Sluice's. */
import { SluiceError } from '../contracts/errors.js';
import type { ErrorCode } from '../contracts/errors.js';
import type { Json } from '../contracts/json.js';
import type { Engine } from './metering/engine-types.js';
import { describe, EngineError, ENGINE_CODES } from './budget/engine-error.js';

/** One problem of an expression. */
export interface ExpressionProblem {
  readonly code: ErrorCode;
  readonly message: string;
  /** From 0, in UTF-16 units of the source as the author wrote it. */
  readonly position: number;
  readonly hint?: string;
  /** JSONata's code, if the error has one. */
  readonly jsonata?: string;
}

/** JSONata's plain error objects. The engine also throws errors of Sluice and of the runtime. */
interface Thrown {
  code?: unknown;
  message?: unknown;
  position?: unknown;
  token?: unknown;
  value?: unknown;
  value2?: unknown;
}

/** Characters of a message. */
const MAX_MESSAGE = 400;
/** Characters of a value that a message shows. */
const MAX_VALUE = 60;
/** Characters of the source in the details of an error. */
const MAX_DETAILS_SOURCE = 1_000;

const NOT_JSON = new Set(['D1001', 'D3001', 'D3061']);
const TOO_MUCH = new Set(['D1011', 'D1012', 'D2014', 'D2015']);

function codeOf(code: string): ErrorCode {
  if (code.startsWith('S0')) return 'EXPRESSION_SYNTAX';
  if (TOO_MUCH.has(code)) return 'EXPRESSION_BUDGET';
  return NOT_JSON.has(code) ? 'EXPRESSION_NOT_JSON' : 'EXPRESSION_TYPE';
}

/** A value as a message may show it: a short text or a number, else only its kind. */
function shown(value: unknown): unknown {
  if (typeof value === 'string') return value.length > MAX_VALUE ? `${value.slice(0, MAX_VALUE)}…` : value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  return typeof value === 'boolean' || value === null ? value : describe(value);
}

/**
 * Converts anything that the engine throws to a problem.
 *
 * @param starts start of each token by its end, which is the position that JSONata reports
 * @param length length of the source, in UTF-16 units
 */
export function problemOf(
  thrown: unknown,
  engine: Engine,
  starts: ReadonlyMap<number, number>,
  length: number,
): ExpressionProblem {
  const error = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as Thrown;
  const end = typeof error.position === 'number' ? error.position : 0;
  const atEnd = error.code === 'S0203' || error.code === 'S0207';
  const position = Math.max(0, Math.min(atEnd ? length : (starts.get(end) ?? end), length));
  if (thrown instanceof EngineError) {
    return { code: ENGINE_CODES[thrown.kind], message: thrown.message, position };
  }
  if (thrown instanceof SyntaxError) {
    return { code: 'EXPRESSION_SYNTAX', message: short(thrown.message), position };
  }
  if (thrown instanceof RangeError && /call stack/.test(thrown.message)) {
    return { code: 'EXPRESSION_BUDGET', message: 'the expression nests too deeply', position };
  }
  if (thrown instanceof Error) {
    return {
      code: 'EXPRESSION_TYPE',
      message: `a function was given a value that it cannot take: ${short(thrown.message)}`,
      position,
    };
  }
  if (typeof error.code !== 'string') {
    return { code: 'EXPRESSION_TYPE', message: 'the expression failed', position };
  }
  const filled = {
    ...error,
    value: shown(error.value),
    value2: shown(error.value2),
    token: typeof error.token === 'string' ? error.token.replace('()', '') : error.token,
  };
  engine.populateMessage(filled);
  const message = typeof filled.message === 'string' ? filled.message : `JSONata error ${error.code}`;
  return {
    code: codeOf(error.code),
    message: short(message),
    position,
    jsonata: error.code,
    ...(error.code === 'S0211' && error.token === '='
      ? { hint: 'Write a = b, or a == b, for equality.' }
      : {}),
  };
}

const short = (text: string): string => (text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text);

/** The error of a problem, with source, position and step path in its details. */
export function expressionError(
  problem: ExpressionProblem,
  source: string,
  at: string | undefined,
): SluiceError {
  const details: Record<string, Json> = {
    source: source.length > MAX_DETAILS_SOURCE ? `${source.slice(0, MAX_DETAILS_SOURCE)}…` : source,
    position: problem.position,
  };
  if (at !== undefined) details['at'] = at;
  if (problem.jsonata !== undefined) details['jsonata'] = problem.jsonata;
  if (problem.hint !== undefined) details['hint'] = problem.hint;
  const hint = problem.hint === undefined ? '' : ` ${problem.hint}`;
  return new SluiceError(problem.code, `${problem.message}${hint}`, { details });
}
