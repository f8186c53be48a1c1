/**
 * Error answers: problem+json (RFC 9457), from the error table.
 *
 * Invariant: internal details (a statement, a stack) are in the log under the request's id, never in an
 * answer.
 */
import { z } from '@hono/zod-openapi';
import { ERRORS, SluiceError, toSluiceError, type ErrorCode } from '../../contracts/errors.js';
import { isJsonObject, JsonValue, type Json, type JsonObject } from '../../contracts/json.js';

/** One problem of a request or a document. */
const ProblemItem = z
  .object({
    detail: z.string(),
    location: z.enum(['body', 'query', 'path', 'header', 'document']).optional(),
    pointer: z
      .string()
      .optional()
      .openapi({ description: 'A JSON Pointer into the body, or the name of a parameter.' }),
    code: z.string().optional(),
    level: z
      .enum(['error', 'warning'])
      .optional()
      .openapi({ description: 'Of a problem of a document: a warning does not refuse it.' }),
    stepPath: z.string().nullable().optional(),
    line: z.number().int().nullable().optional(),
    column: z.number().int().nullable().optional(),
    hint: z.string().optional(),
  })
  .openapi('ProblemItem');
export type ProblemItem = z.infer<typeof ProblemItem>;

/** The body of an error answer. */
export const Problem = z
  .object({
    type: z.string().openapi({ example: 'urn:sluice:error:RUN_NOT_FOUND' }),
    title: z.string().openapi({ description: 'The meaning of the code; the same for each occurrence.' }),
    status: z.number().int(),
    detail: z.string().openapi({ description: 'What happened this time.' }),
    instance: z.string().openapi({ description: 'Path of the request.' }),
    code: z.string().openapi({ description: 'A code of docs/errors.md.', example: 'RUN_NOT_FOUND' }),
    help: z.string().nullable().openapi({ description: 'What the caller can do about it.' }),
    retryable: z.boolean(),
    requestId: z.string(),
    details: z.unknown().optional().openapi({ description: 'For machines; the code determines its shape.' }),
    errors: z.array(ProblemItem).optional().openapi({ description: 'Every problem of the request.' }),
  })
  .openapi('Problem');
export type Problem = z.infer<typeof Problem>;

/** Most problems that one answer lists. */
const LISTED_ERRORS = 1_000;

export const PROBLEM_TYPE = 'application/problem+json';

/** Errors whose message holds internal details: the answer omits it. */
const INTERNAL_CODES: ReadonlySet<string> = new Set([
  'INTERNAL',
  'DATABASE_FAILED',
  'DATABASE_AUTH',
  'PROJECTION_CONFLICT',
  'STATE_CORRUPT',
] satisfies ErrorCode[]);

/** The request in which a problem occurred. */
export interface Occurrence {
  readonly requestId: string;
  /** Path of the request. */
  readonly path: string;
}

/** The body of the answer to an error. */
export function problemOf(thrown: unknown, { requestId, path }: Occurrence): Problem {
  const error = toSluiceError(thrown);
  const internal = INTERNAL_CODES.has(error.code);
  const { errors, details } = internal ? { errors: undefined, details: undefined } : partsOf(error.details);
  return {
    type: `urn:sluice:error:${error.code}`,
    title: titleOf(error.code),
    status: error.status,
    detail: internal ? `Internal error; see the API log, request ${requestId}` : error.message,
    instance: path,
    code: error.code,
    help: error.help ?? null,
    retryable: error.retryable,
    requestId,
    ...(details !== undefined && { details }),
    ...(errors !== undefined && { errors }),
  };
}

/** `RUN_NOT_FOUND` → `Run not found`. */
function titleOf(code: string): string {
  const words = code.toLowerCase().replaceAll('_', ' ');
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}

/** The codes, grouped by their status. */
export function byStatus(codes: Iterable<ErrorCode>): ReadonlyMap<number, readonly ErrorCode[]> {
  const statuses = new Map<number, ErrorCode[]>();
  for (const code of new Set(codes)) {
    const { status } = ERRORS[code];
    statuses.set(status, [...(statuses.get(status) ?? []), code]);
  }
  return statuses;
}

/** Splits details: listed problems become `errors`, other details stay details. */
function partsOf(details: Json | undefined): {
  readonly errors: ProblemItem[] | undefined;
  readonly details: Json | undefined;
} {
  if (details === undefined) return { errors: undefined, details };
  const listed = isJsonObject(details) ? details['problems'] : details;
  if (!Array.isArray(listed)) return { errors: undefined, details };
  const rest = Object.entries(isJsonObject(details) ? details : {}).filter(([name]) => name !== 'problems');
  return {
    errors: problemItems(listed as readonly Json[]),
    details: rest.length === 0 ? undefined : Object.fromEntries(rest),
  };
}

/** Problems of a document, as answers list them. */
export function problemItems(problems: readonly Json[]): ProblemItem[] {
  return problems.slice(0, LISTED_ERRORS).map(itemOf);
}

function itemOf(problem: Json): ProblemItem {
  if (!isJsonObject(problem)) {
    return { detail: typeof problem === 'string' ? problem : JSON.stringify(problem) };
  }
  const parsed = ProblemItem.safeParse(problem);
  if (parsed.success) return parsed.data;
  const text = (name: string): string | undefined => {
    const value = problem[name];
    return typeof value === 'string' ? value : undefined;
  };
  const number = (name: string): number | null => {
    const value = problem[name];
    return typeof value === 'number' ? value : null;
  };
  const hint = text('hint');
  return {
    detail: text('message') ?? JSON.stringify(problem),
    location: 'document',
    ...(text('path') !== undefined && { pointer: text('path') }),
    ...(text('code') !== undefined && { code: text('code') }),
    ...(levelOf(problem) !== undefined && { level: levelOf(problem) }),
    stepPath: text('stepPath') ?? null,
    line: number('line'),
    column: number('column'),
    ...(hint !== undefined && { hint }),
  };
}

function levelOf({ level }: JsonObject): ProblemItem['level'] {
  return level === 'error' || level === 'warning' ? level : undefined;
}

/** INPUT_INVALID with every problem of a request. */
export function invalidInput(items: readonly ProblemItem[]): SluiceError {
  const [first] = items;
  const where = first?.pointer === undefined || first.pointer === '' ? '' : `${first.pointer}: `;
  const more = items.length > 1 ? ` (and ${items.length - 1} more)` : '';
  return new SluiceError('INPUT_INVALID', `${where}${first?.detail ?? 'The request is not valid'}${more}`, {
    details: { problems: JsonValue.parse(items) },
  });
}
