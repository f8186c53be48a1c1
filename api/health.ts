/**
 * Health, readiness and metrics, for operators' tools. `/healthz` and `/readyz` reveal nothing about a tenant
 * and need no token. `/metrics` covers the work of all tenants, so it needs a token that is bound to all of
 * them.
 */
import { z } from '@hono/zod-openapi';
import { SluiceError, toSluiceError } from '../contracts/errors.js';
import { within } from '../contracts/within.js';
import { migrationStatus } from '../projections/index.js';
import { ALL_TENANTS } from './auth/principal.js';
import type { ApiDeps } from './http/deps.js';
import { errorAnswers, serve, type Api } from './http/operation.js';

/** Time limit of the check of one service, ms. */
const CHECK_LIMIT_MS = 5_000;

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

  register('/readyz', 'Whether Temporal and SurrealDB answer', {
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

/** Checks the services that the API needs. @throws SluiceError NOT_READY that lists those that are away */
async function checkServices({ client, projections, metrics, log }: ApiDeps): Promise<void> {
  const services: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['temporal', () => client.check()],
    ['surrealdb', () => migrationStatus(projections.database)],
  ];
  const away = await Promise.all(
    services.map(async ([service, check]) => {
      try {
        await within(check(), CHECK_LIMIT_MS, () => {
          throw new SluiceError('NOT_READY', `${service} did not answer within ${CHECK_LIMIT_MS} ms`);
        });
        metrics.ready.set({ service }, 1);
        return [];
      } catch (thrown) {
        const error = toSluiceError(thrown);
        metrics.ready.set({ service }, 0);
        log.warn({ service, error }, 'A service that the API needs does not answer');
        // Any caller may ask, so the answer has only the code; the log has the addresses.
        return [{ detail: `${service} does not answer`, code: error.code }];
      }
    }),
  );
  const problems = away.flat();
  if (problems.length === 0) return;
  throw new SluiceError('NOT_READY', problems.map(({ detail }) => detail).join('; '), {
    details: { problems },
  });
}
