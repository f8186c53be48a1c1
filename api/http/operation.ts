/**
 * One route: declared once, and from that declaration documented, checked and served.
 *
 * Invariants
 * - In this order: who asks, how often, whether they may, in which tenant, whether the request has the documented
 *   shape, whether it came before. Nothing is done until all of that is answered.
 * - Everything that is wrong with path, query and body comes in one answer.
 * - What the document says of a route is what its checks are made of: schemas, role, error codes.
 */
import { z, type OpenAPIHono, type RouteConfig } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { SluiceError, type ErrorCode } from '../../contracts/errors.js';
import { requireCapability, rolesFor, tenantOf, type Capability, type Principal } from '../auth/principal.js';
import type { Authenticate } from '../auth/authenticator.js';
import type { ApiDeps } from './deps.js';
import { hashOf, idempotencyKeyOf, onceForKey, operationIdOf } from './idempotency.js';
import { byStatus, invalidInput, Problem, PROBLEM_TYPE, type ProblemItem } from './problem.js';
import type { TakeTurn } from './rate-limit.js';
import { decodeBody, readBytes } from './request-body.js';

/** What the middleware leaves in the context. */
export interface ApiEnv {
  Variables: { requestId: string; route: string; principal: string; tenant: string };
}

export type Tag = 'definitions' | 'runs' | 'bulk' | 'dead letters' | 'events' | 'expressions' | 'legacy';

interface AnswerSpec {
  readonly description: string;
  /** Absent: no body, or with `type` one that no schema describes. */
  readonly schema?: z.ZodType;
  /** Default `application/json`. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface BodySpec<B> {
  readonly schema: z.ZodType<B>;
  /** Content types beside JSON, whose text is the value. */
  readonly texts?: readonly string[];
  /** True: none is as good as `{}`. */
  readonly optional?: boolean;
}

export interface OperationSpec<P, Q, B> {
  readonly method: 'get' | 'post';
  /** As OpenAPI writes it: `/v1/runs/{runId}`. */
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
  /** Codes beside those that every route may answer. */
  readonly errors?: readonly ErrorCode[];
  /** Of a POST: whether its answer is kept under an idempotency key, or the request done again under the same ids. */
  readonly idempotency?: 'replay' | 'again' | 'none';
}

/** A request that has passed every check. */
export interface Call<P, Q, B> {
  readonly c: Context<ApiEnv>;
  readonly principal: Principal;
  readonly tenant: string;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** An id for what the request makes: the same for the same idempotency key. Undefined: it has none. */
  readonly operationId: string | undefined;
}

/** What routes are added to. */
export interface Api {
  readonly app: OpenAPIHono<ApiEnv>;
  readonly deps: ApiDeps;
  readonly authenticate: Authenticate;
  readonly takeTurn: TakeTurn;
  /** Handlers by path and method; `listen` adds them to the application. */
  readonly handlers: Map<string, Map<string, Handler>>;
}

type Handler = (c: Context<ApiEnv>) => Promise<Response> | Response;

/** Answers a path and method; `{name}` in the path is a parameter. */
export function serve({ handlers }: Api, method: 'get' | 'post', path: string, handler: Handler): void {
  const ofPath = handlers.get(path) ?? new Map<string, Handler>();
  handlers.set(path, ofPath.set(method.toUpperCase(), handler));
}

const JSON_TYPE = 'application/json';
const ALWAYS: readonly ErrorCode[] = [
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
const OF_A_BODY: readonly ErrorCode[] = ['REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED'];
const OF_A_KEY: readonly ErrorCode[] = ['IDEMPOTENCY_KEY_REUSED', 'IDEMPOTENCY_KEY_IN_FLIGHT'];

/** Adds a route. */
export function operation<P = Empty, Q = Empty, B = Empty>(
  api: Api,
  spec: OperationSpec<P, Q, B>,
  handle: (call: Call<P, Q, B>) => Promise<Response>,
): void {
  api.app.openAPIRegistry.registerPath(routeConfigOf(spec));
  serve(api, spec.method, spec.path, async (c) => {
    const principal = await api.authenticate(c.req.header('Authorization'));
    c.set('principal', principal.name);
    await api.takeTurn(principal.name);
    requireCapability(principal, spec.capability);
    const tenant = tenantOf(principal, c.req.header('Sluice-Tenant'));
    c.set('tenant', tenant);
    const bytes = spec.method === 'post' ? await readBytes(c) : new Uint8Array();
    const parsed = parse(c, spec, bytes);
    const key = spec.method === 'post' && spec.idempotency !== 'none' ? idempotencyKeyOf(c) : undefined;
    const keyed =
      key === undefined
        ? undefined
        : {
            tenant,
            principal: principal.name,
            key,
            hash: hashOf(askedOf(c), bytes),
            replay: spec.idempotency !== 'again',
          };
    const operationId = keyed === undefined ? undefined : operationIdOf(keyed);
    const run = (): Promise<Response> => handle({ c, principal, tenant, operationId, ...parsed });
    return keyed === undefined ? run() : onceForKey(api.deps, keyed, run);
  });
}

function askedOf({ req }: Context): Parameters<typeof hashOf>[0] {
  return { method: req.method, url: req.url, contentType: req.header('content-type') };
}

type Empty = Record<string, never>;

/** Everything that is wrong, at once. */
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
    const parsed = (schema ?? (z.strictObject({}) as unknown as z.ZodType<T>)).safeParse(value);
    if (parsed.success) return parsed.data;
    items.push(...itemsOf(parsed.error, location));
    return undefined as T;
  };
  const queries = c.req.queries();
  const mayBeAbsent = body === undefined || body.optional === true;
  const given = body === undefined ? undefined : decodeBody(c, bytes, [JSON_TYPE, ...(body.texts ?? [])]);
  const result = {
    params: check(params, c.req.param(), 'path'),
    query: check(
      query,
      Object.fromEntries(Object.entries(queries).map(([name, all]) => [name, all.at(-1)])),
      'query',
    ),
    // `null` is a body, and none that any route takes.
    body: check(body?.schema, given === undefined && mayBeAbsent ? {} : given, 'body'),
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
    ...ALWAYS,
    ...(body === undefined ? [] : OF_A_BODY),
    ...(method === 'post' ? (['REQUEST_TOO_LARGE'] as const) : []),
    ...(keyed ? OF_A_KEY : []),
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
          description: "The tenant. Default: the token's only one, else `default`.",
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
                  ? 'The same request with the same key does nothing twice.'
                  : 'The same request with the same key is done once and answered twice.',
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

/** One answer for each status, that names its codes. */
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
 * Adds all paths to the application, those without parameters first: `bulk` is no run id. A method that a path does not
 * have gets an answer that names those it has.
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
      throw new SluiceError('METHOD_NOT_ALLOWED', `${c.req.method} is no method of ${c.req.path}.`);
    });
  }
}
