/**
 * The application: the middleware around every route.
 *
 * Invariants
 * - Every answer but a success is problem+json with a code of the error table: also for an unknown path, an
 *   unknown method and an unexpected failure.
 * - Every answer has a request id, and the log has every internal error under it. No header, body or token is
 *   logged.
 */
import { randomUUID } from 'node:crypto';
import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { secureHeaders } from 'hono/secure-headers';
import { isJsonObject } from '../contracts/json.js';
import { SluiceError, toSluiceError } from '../contracts/errors.js';
import { authenticator } from './auth/authenticator.js';
import { addCodecRoutes, allowCodecOrigins, CODEC_PATH } from './codec.js';
import type { ApiDeps } from './http/deps.js';
import { addErasureRoute } from './erasure.js';
import { addDocument, addDocumentPage } from './document.js';
import { addHealthRoutes } from './health.js';
import { refuseForeignPages } from './http/foreign-pages.js';
import { addPaths, type Api, type ApiEnv } from './http/operation.js';
import { problemOf, PROBLEM_TYPE } from './http/problem.js';
import { rateLimiter } from './http/rate-limit.js';
import { StreamPlaces } from './http/stream-places.js';
import { addRoutes } from './routes/index.js';

/** Creates the application. */
export function createApp(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>();
  const { config, metrics, log } = deps;

  app.use(async (c, next) => {
    const began = performance.now();
    c.set('requestId', randomUUID());
    c.set('route', 'none');
    await next();
    c.header('X-Request-Id', c.get('requestId'));
    const seconds = (performance.now() - began) / 1_000;
    const [method, route, status] = [c.req.method, c.get('route'), c.res.status];
    metrics.requests.observe({ method: methodLabel(method), route, status: String(status) }, seconds);
    // Requests that change something are logged; reads only at level debug.
    const level = method === 'GET' || method === 'HEAD' ? 'debug' : 'info';
    log[level](
      {
        requestId: c.get('requestId'),
        method,
        route,
        path: c.req.path,
        status,
        ms: Math.round(seconds * 1_000),
        principal: c.get('principal'),
        tenant: c.get('tenant'),
      },
      'request',
    );
  });
  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        connectSrc: ["'self'"],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
      },
      referrerPolicy: 'no-referrer',
      xFrameOptions: 'DENY',
    }),
  );
  app.use(async (c, next) => {
    await next();
    // Answers hold one tenant's data, so no cache on the way may store them.
    if (!c.res.headers.has('Cache-Control')) c.res.headers.set('Cache-Control', 'no-store');
  });
  allowCodecOrigins(app, config.codecOrigins ?? []);
  if (config.auth.kind === 'off') {
    const origins = config.codecOrigins ?? [];
    app.use(refuseForeignPages((path) => (path.startsWith(`${CODEC_PATH}/`) ? origins : [])));
  }

  const api: Api = {
    app,
    deps,
    authenticate: authenticator(config.auth, deps.now, deps.keys),
    places: new StreamPlaces(deps.config.timelines),
    takeTurn: rateLimiter(config.rate),
    handlers: new Map(),
  };
  addHealthRoutes(api);
  addRoutes(api);
  addErasureRoute(api);
  addCodecRoutes(api);
  addDocument(api);
  addDocumentPage(api);
  addPaths(api);
  app.notFound((c) =>
    answerError(c, new SluiceError('ROUTE_NOT_FOUND', `No route matches ${c.req.path}.`), deps),
  );
  app.onError((thrown, c) => answerError(c, thrown, deps));
  return app;
}

/** The answer for an error. */
function answerError(c: Context<ApiEnv>, thrown: unknown, { log, metrics }: ApiDeps): Response {
  const error = toSluiceError(thrown);
  const requestId = c.get('requestId');
  metrics.errors.inc({ code: error.code });
  if (error.status >= 500) log.error({ requestId, path: c.req.path, error }, 'A request failed');
  const headers = new Headers({ 'content-type': PROBLEM_TYPE, 'X-Request-Id': requestId });
  const allow = c.res.headers.get('Allow');
  if (allow !== null) headers.set('Allow', allow);
  const retryAfter = retryAfterOf(error);
  if (retryAfter !== undefined) headers.set('Retry-After', String(retryAfter));
  if (error.status === 401) headers.set('WWW-Authenticate', 'Bearer');
  // The unread rest of the body would be parsed as the next request.
  if (error.code === 'REQUEST_TOO_LARGE') headers.set('Connection', 'close');
  const body = problemOf(error, { requestId, path: c.req.path });
  return new Response(JSON.stringify(body), { status: error.status, headers });
}

/** Seconds after which a caller may retry while a service is away. */
const UNAVAILABLE_RETRY_S = 5;

function retryAfterOf(error: SluiceError): number | undefined {
  const seconds = isJsonObject(error.details) ? error.details['retryAfterS'] : undefined;
  if (typeof seconds === 'number') return seconds;
  return error.status === 503 ? UNAVAILABLE_RETRY_S : undefined;
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** A method as a metric label. Callers choose methods, and labels must be few. */
function methodLabel(method: string): string {
  return METHODS.includes(method) ? method : 'other';
}
