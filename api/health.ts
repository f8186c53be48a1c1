/**
 * Health, readiness and metrics, for operators' tools. `/healthz` and `/readyz` reveal nothing about a tenant
 * and need no token. `/metrics` covers the work of all tenants, so it needs a token that is bound to all of
 * them.
 */
import { z } from '@hono/zod-openapi';
import { SluiceError } from '../contracts/errors.js';
import { answerOf, watchService, type Service, type Watch } from '../contracts/services/watch.js';
import { ALL_TENANTS } from './auth/principal.js';
import type { ApiDeps } from './http/deps.js';
import { errorAnswers, serve, type Api } from './http/operation.js';

const Health = z.object({ status: z.literal('ok') }).openapi('Health');

const okAnswer = { 200: { description: 'Yes', content: { 'application/json': { schema: Health } } } };

export function addHealthRoutes(api: Api): void {
  const { app, deps } = api;
  const register = (
    path: string,
    summary: string,
    answers: Parameters<typeof app.openAPIRegistry.registerPath>[0],
  ) => {
    app.openAPIRegistry.registerPath({ ...answers, path, summary, tags: ['health'] });
  };
  const base = { method: 'get' as const, path: '', responses: {} };

  register('/healthz', 'Whether the process answers', {
    ...base,
    operationId: 'getHealth',
    responses: { ...okAnswer, ...errorAnswers(['INTERNAL']) },
  });
  serve(api, 'get', '/healthz', (c) => {
    return c.json({ status: 'ok' });
  });

  register('/readyz', 'Whether Temporal answers, and SurrealDB with its schema', {
    ...base,
    operationId: 'getReadiness',
    responses: { ...okAnswer, ...errorAnswers(['NOT_READY', 'INTERNAL']) },
  });
  serve(api, 'get', '/readyz', async (c) => {
    await checkServices(deps);
    return c.json({ status: 'ok' });
  });

  register('/metrics', 'Metrics for Prometheus', {
    ...base,
    operationId: 'getMetrics',
    description: 'Needs a token that is bound to all tenants (`*`).',
    security: [{ bearer: [] }],
    responses: {
      200: { description: 'Text format 0.0.4', content: { 'text/plain': { schema: z.string() } } },
      ...errorAnswers([
        'UNAUTHENTICATED',
        'TENANT_FORBIDDEN',
        'RATE_LIMITED',
        'IDENTITY_PROVIDER_UNAVAILABLE',
        'INTERNAL',
      ]),
    },
  });
  serve(api, 'get', '/metrics', async (c) => {
    const principal = await api.authenticate(c.req.header('Authorization'));
    await api.takeTurn(principal.name);
    if (!principal.tenants.includes(ALL_TENANTS)) {
      throw new SluiceError(
        'TENANT_FORBIDDEN',
        'Metrics cover all tenants; the token is bound to some of them.',
      );
    }
    const text = await deps.metrics.text(deps.config.sdkMetricsUrl);
    return c.body(text, 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
  });
}

/** The services that the API needs: their names in answers, and how to ask them. */
function servicesOf({ client, projections }: Pick<ApiDeps, 'client' | 'projections'>): readonly {
  readonly service: Service;
  readonly name: string;
  readonly probe: () => Promise<unknown>;
}[] {
  return [
    { service: 'temporal', name: 'temporal', probe: () => client.check() },
    { service: 'database', name: 'surrealdb', probe: () => projections.requireSchema() },
  ];
}

/** Checks the services that the API needs. @throws SluiceError NOT_READY that lists those that are away */
async function checkServices(deps: ApiDeps): Promise<void> {
  const away = await Promise.all(
    servicesOf(deps).map(async ({ service, name, probe }) => {
      const error = await answerOf(service, probe);
      note(deps, { service, name, error });
      // Any caller may ask, so the answer has only the code; the log has the addresses.
      return error === undefined ? [] : [{ detail: `${name} does not answer`, code: error.code }];
    }),
  );
  const problems = away.flat();
  if (problems.length === 0) return;
  throw new SluiceError('NOT_READY', problems.map(({ detail }) => detail).join('; '), {
    details: { problems },
  });
}

/** Asks the services in intervals, so that the metrics and the log show one that is lost. */
export function watchServices(deps: Pick<ApiDeps, 'client' | 'projections' | 'metrics' | 'log'>): Watch {
  const watches = servicesOf(deps).map(({ service, name, probe }) =>
    watchService(service, probe, (error) => note(deps, { service, name, error })),
  );
  return { stop: () => watches.forEach((watch) => watch.stop()) };
}

/** Shows an answer, or its lack, in the metrics, and in the log where it is another than before. */
function note(
  { metrics, log }: Pick<ApiDeps, 'metrics' | 'log'>,
  answer: { readonly service: Service; readonly name: string; readonly error: SluiceError | undefined },
): void {
  const { service, name, error } = answer;
  metrics.ready.set({ service: name }, error === undefined ? 1 : 0);
  const changed = metrics.connected.set(service, error === undefined);
  if (!changed) return;
  if (error !== undefined) log.warn({ service: name, error }, 'A service that the API needs does not answer');
  else log.info({ service: name }, 'A service that the API needs answers again');
}
