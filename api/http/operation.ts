/**
 * One route: one declaration documents, checks and serves it.
 *
 * Invariants
 * - The checks run in this order: token, rate limit, role, tenant, shape of the request, idempotency key. The
 *   handler runs only after all of them.
 * - One answer lists every problem of path, query and body.
 * - The document and the checks come from the same declaration: schemas, role, error codes.
 */
import { z, type OpenAPIHono, type RouteConfig } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { SluiceError, type ErrorCode } from '../../contracts/errors.js';
import {
  requireCapability,
  principalId,
  rolesFor,
  tenantOf,
  type Capability,
  type Principal,
} from '../auth/principal.js';
import type { Authenticate } from '../auth/authenticator.js';
import type { ApiDeps } from './deps.js';
import { audited, type Concerns } from './audit.js';
import { hashOf, idempotencyKeyOf, onceForKey, operationIdOf } from './idempotency.js';
import { byStatus, invalidInput, Problem, PROBLEM_TYPE, type ProblemItem } from './problem.js';
import type { TakeTurn } from './rate-limit.js';
import type { StreamPlaces } from './stream-places.js';
import { decodeBody, readBytes } from './request-body.js';

/** Variables that the middleware sets in the context. */
export interface ApiEnv {
  Variables: { requestId: string; route: string; principal: string; tenant: string };
}

export type Tag =
  | 'definitions'
  | 'runs'
  | 'bulk'
  | 'tasks'
  | 'dead letters'
  | 'events'
  | 'audit'
  | 'erasure'
  | 'expressions'
  | 'codec'
  | 'legacy';

interface AnswerSpec {
  readonly description: string;
  /** Absent: no body; or, with `type`, a body without a schema. */
  readonly schema?: z.ZodType;
  /** Default `application/json`. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface BodySpec<B> {
  readonly schema: z.ZodType<B>;
  /** Content types beside JSON; the value is then the text. */
  readonly texts?: readonly string[];
  /** True: a missing body means `{}`. */
  readonly optional?: boolean;
  /** Code of a body with a number that would be rounded. Default: PAYLOAD_INVALID. */
  readonly faultCode?: ErrorCode;
}

export interface OperationSpec<P, Q, B> {
  readonly method: 'get' | 'post';
  /** In the form of OpenAPI: `/v1/runs/{runId}`. */
  readonly path: string;
  readonly operationId: string;
  readonly tag: Tag;
  readonly summary: string;
  readonly description?: string;
  readonly capability: Capability;
  readonly params?: z.ZodType<P>;
  readonly query?: z.ZodType<Q>;
  readonly body?: BodySpec<B>;
  /** Further headers that the route reads, by name. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly answers: Readonly<Record<number, AnswerSpec>>;
  /** Error codes beside those that every route may answer. */
  readonly errors?: readonly ErrorCode[];
  /** For a POST with an idempotency key: store the answer (`replay`), or do it again under the same ids. */
  readonly idempotency?: 'replay' | 'again' | 'none';
  /** Whether a request leaves an audit row. Default: each POST that needs more than the right to read. */
  readonly audited?: (query: Q) => boolean;
}

/** A request that passed every check. */
export interface Call<P, Q, B> {
  readonly c: Context<ApiEnv>;
  /** Whether the token still counts, for an answer that lasts. @throws SluiceError as the request would */
  readonly checkAgain: () => Promise<void>;
  readonly principal: Principal;
  readonly tenant: string;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** An id for what the request creates: the same for the same idempotency key. Undefined without a key. */
  readonly operationId: string | undefined;
  /** Names a further thing in the audit row, such as `run:ID`; those of the path are in it. */
  readonly concerns: Concerns;
}

/** The application that routes are added to, and their shared checks. */
export interface Api {
  readonly app: OpenAPIHono<ApiEnv>;
  readonly deps: ApiDeps;
  readonly authenticate: Authenticate;
  readonly takeTurn: TakeTurn;
  readonly places: StreamPlaces;
  /** Handlers by path and method; `addPaths` adds them to the application. */
  readonly handlers: Map<string, Map<string, Handler>>;
}

type Handler = (c: Context<ApiEnv>) => Promise<Response> | Response;

/** Registers the handler of a path and method; `{name}` in the path is a parameter. */
export function serve({ handlers }: Api, method: 'get' | 'post', path: string, handler: Handler): void {
  const ofPath = handlers.get(path) ?? new Map<string, Handler>();
  handlers.set(path, ofPath.set(method.toUpperCase(), handler));
}

const JSON_TYPE = 'application/json';
/** Error codes of every route, of a route with a body, and of a route with an idempotency key. */
const COMMON_ERRORS: readonly ErrorCode[] = [
  'INPUT_INVALID',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'TENANT_FORBIDDEN',
  'RATE_LIMITED',
  'REQUEST_TIMEOUT',
  'REQUEST_HEADER_TOO_LARGE',
  'INTERNAL',
  'DATABASE_FAILED',
  'DATABASE_UNAVAILABLE',
  'IDENTITY_PROVIDER_UNAVAILABLE',
];
const BODY_ERRORS: readonly ErrorCode[] = ['REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'PAYLOAD_INVALID'];
const KEY_ERRORS: readonly ErrorCode[] = ['IDEMPOTENCY_KEY_REUSED', 'IDEMPOTENCY_KEY_IN_FLIGHT'];

/** Adds a route: to the document, and to the application. */
export function operation<P = Empty, Q = Empty, B = Empty>(
  api: Api,
  spec: OperationSpec<P, Q, B>,
  handle: (call: Call<P, Q, B>) => Promise<Response>,
): void {
  api.app.openAPIRegistry.registerPath(routeConfigOf(spec));
  serve(api, spec.method, spec.path, async (c) => {
    const admit = async (takeTurn: boolean): Promise<{ principal: Principal; tenant: string }> => {
      const principal = await api.authenticate(c.req.header('Authorization'));
      c.set('principal', principal.name);
      if (takeTurn) await api.takeTurn(principalId(principal));
      requireCapability(principal, spec.capability);
      return { principal, tenant: tenantOf(principal, c.req.header('Sluice-Tenant')) };
    };
    const { principal, tenant } = await admit(true);
    const checkAgain = async (): Promise<void> => {
      const now = await admit(false);
      if (now.tenant !== tenant || principalId(now.principal) !== principalId(principal)) {
        throw new SluiceError('UNAUTHENTICATED', 'The token is not valid any more.');
      }
    };
    c.set('tenant', tenant);
    const bytes = spec.method === 'post' ? await readBytes(c) : new Uint8Array();
    const parsed = parse(c, spec, bytes);
    const key = spec.method === 'post' && spec.idempotency !== 'none' ? idempotencyKeyOf(c) : undefined;
    const keyed =
      key === undefined
        ? undefined
        : {
            tenant,
            principal: principalId(principal),
            key,
            hash: hashOf(partsOf(c), bytes),
            replay: spec.idempotency !== 'again',
          };
    // The id is a part of workflow ids, which are in clear. It must not confirm a guess of a body.
    const { seal } = api.deps.projections.database;
    const operationId =
      keyed && operationIdOf({ ...keyed, hash: seal.digest(keyed.hash, [tenant, 'operation']) });
    const perform = (concerns: Concerns): Promise<Response> =>
      handle({ c, principal, tenant, operationId, concerns, checkAgain, ...parsed });
    const act = { tenant, principal, act: spec.operationId, requestId: c.get('requestId') };
    const acts = spec.audited?.(parsed.query) ?? (spec.method === 'post' && spec.capability !== 'read');
    const run = (): Promise<Response> =>
      acts ? audited(api.deps, { ...act, on: thingsOf(c.req.param()) }, perform) : perform(() => undefined);
    return keyed === undefined ? run() : onceForKey(api.deps, keyed, run);
  });
}

/** What the path of a request names: `{runId: 'x'}` → `run:x`. */
function thingsOf(params: Readonly<Record<string, string>>): string[] {
  return Object.entries(params).flatMap(([name, id]) =>
    name.endsWith('Id') ? [`${name.slice(0, -'Id'.length)}:${id}`] : [],
  );
}

function partsOf({ req }: Context): Parameters<typeof hashOf>[0] {
  return { method: req.method, url: req.url, contentType: req.header('content-type') };
}

type Empty = Record<string, never>;

/** Parses a request. @throws SluiceError INPUT_INVALID that lists every problem */
function parse<P, Q, B>(
  c: Context,
  { params, query, body }: OperationSpec<P, Q, B>,
  bytes: Uint8Array,
): { readonly params: P; readonly query: Q; readonly body: B } {
  const items: ProblemItem[] = [];
  const check = <T>(
    schema: z.ZodType<T> | undefined,
    value: unknown,
    location: ProblemItem['location'],
  ): T => {
    const checked = (schema ?? (z.strictObject({}) as unknown as z.ZodType<T>)).safeParse(value);
    if (checked.success) return checked.data;
    items.push(...itemsOf(checked.error, location));
    return undefined as T;
  };
  const queries = c.req.queries();
  const mayBeAbsent = body === undefined || body.optional === true;
  const decoded =
    body === undefined
      ? undefined
      : decodeBody(c, bytes, [JSON_TYPE, ...(body.texts ?? [])], body.faultCode ?? 'PAYLOAD_INVALID');
  const result = {
    params: check(params, c.req.param(), 'path'),
    query: check(
      query,
      Object.fromEntries(Object.entries(queries).map(([name, all]) => [name, all.at(-1)])),
      'query',
    ),
    // Only a missing body means `{}`: `null` is a body, which no route accepts.
    body: check(body?.schema, decoded === undefined && mayBeAbsent ? {} : decoded, 'body'),
  };
  for (const [name, all] of Object.entries(queries)) {
    if (all.length > 1) items.push({ detail: 'is given more than once', location: 'query', pointer: name });
  }
  if (items.length > 0) throw invalidInput(items);
  return result;
}

function itemsOf(error: z.ZodError, location: ProblemItem['location']): ProblemItem[] {
  return error.issues.map(({ path, message }) => ({
    detail: message,
    location,
    pointer:
      location === 'body'
        ? path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
        : path.join('.'),
  }));
}

/** `/v1/runs/{runId}` → `/v1/runs/:runId` */
function honoPath(path: string): string {
  return path.replaceAll(/\{([^}]+)\}/g, ':$1');
}

function routeConfigOf<P, Q, B>(spec: OperationSpec<P, Q, B>): RouteConfig {
  const { method, path, operationId, tag, summary, description = '', params, query, body, capability } = spec;
  const keyed = method === 'post' && spec.idempotency !== 'none';
  const codes = [
    ...COMMON_ERRORS,
    ...(body === undefined ? [] : BODY_ERRORS),
    ...(method === 'post' ? (['REQUEST_TOO_LARGE'] as const) : []),
    ...(keyed ? KEY_ERRORS : []),
    ...(spec.errors ?? []),
  ];
  const roles = rolesFor(capability)
    .map((role) => `\`${role}\``)
    .join(', ');
  return {
    method,
    path,
    operationId,
    tags: [tag],
    summary,
    description: `${description}${description === '' ? '' : '\n\n'}Roles: ${roles}.`,
    security: [{ bearer: [] }],
    request: {
      ...(params !== undefined && { params: params as never }),
      ...(query !== undefined && { query: query as never }),
      headers: z.object({
        'Sluice-Tenant': z.string().optional().openapi({
          description: "The tenant. Default: the token's only tenant, else `default`.",
          pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$',
        }),
        ...(keyed && {
          'Idempotency-Key': z
            .string()
            .optional()
            .openapi({
              pattern: '^[!-~]{1,255}$',
              description:
                spec.idempotency === 'again'
                  ? 'A repetition with the same key has no second effect.'
                  : 'A repetition with the same key is not done again and gets the same answer.',
            }),
        }),
        ...Object.fromEntries(
          Object.entries(spec.headers ?? {}).map(([name, text]) => [
            name,
            z.string().optional().openapi({ description: text }),
          ]),
        ),
      }),
      ...(body !== undefined && {
        body: {
          required: body.optional !== true,
          content: {
            [JSON_TYPE]: { schema: body.schema },
            ...Object.fromEntries((body.texts ?? []).map((type) => [type, { schema: z.string() }])),
          },
        },
      }),
    },
    responses: { ...answersOf(spec.answers), ...errorAnswers(codes) },
  };
}

function answersOf(answers: Readonly<Record<number, AnswerSpec>>): RouteConfig['responses'] {
  return Object.fromEntries(
    Object.entries(answers).map(([status, { description, schema, type, headers }]) => [
      status,
      {
        description,
        ...((schema ?? type) !== undefined && {
          content: { [type ?? JSON_TYPE]: { schema: schema ?? {} } },
        }),
        ...(headers !== undefined && {
          headers: Object.fromEntries(
            Object.entries(headers).map(([name, text]) => [
              name,
              { description: text, schema: { type: 'string' as const } },
            ]),
          ),
        }),
      },
    ]),
  );
}

/** The error answers of a route: one for each status, with its codes. */
export function errorAnswers(codes: readonly ErrorCode[]): RouteConfig['responses'] {
  return Object.fromEntries(
    [...byStatus(codes)].map(([status, of]) => [
      status,
      {
        description: of.map((code) => `\`${code}\``).join(', '),
        content: { [PROBLEM_TYPE]: { schema: Problem } },
      },
    ]),
  );
}

/**
 * Adds all paths to the application, those without parameters first: `bulk` is not a run id. The answer to a
 * method that a path does not have names the methods that it has.
 */
export function addPaths({ app, handlers }: Api): void {
  const parameters = (path: string): number => path.split('{').length;
  const inOrder = [...handlers].sort(([a], [b]) => parameters(a) - parameters(b));
  for (const [path, ofPath] of inOrder) {
    const allow = [...ofPath.keys(), ...(ofPath.has('GET') ? ['HEAD'] : [])].join(', ');
    app.all(honoPath(path), (c) => {
      c.set('route', path);
      const handler = ofPath.get(c.req.method === 'HEAD' ? 'GET' : c.req.method);
      if (handler !== undefined) return handler(c);
      c.header('Allow', allow);
      throw new SluiceError('METHOD_NOT_ALLOWED', `${c.req.path} does not support ${c.req.method}.`);
    });
  }
}
