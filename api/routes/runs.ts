/** Runs, shown. Values that a definition marks `writeOnly` are left out; only an export may have them. */
import { z } from '@hono/zod-openapi';
import {
  apiPage,
  ApiEvidence,
  ApiInvocation,
  ApiRun,
  ApiRunEvent,
  ApiRunInbound,
  ApiRunSummary,
  ApiStep,
  ApiWait,
} from '../../contracts/http/api.js';
import type { ErrorCode } from '../../contracts/errors.js';
import type { Page, PageRequest } from '../../projections/index.js';
import { requireCapability } from '../auth/principal.js';
import { operation, type Api } from '../http/operation.js';
import {
  json,
  pageOf,
  toEvidence,
  toInvocation,
  toRunEvent,
  toRunInbound,
  toStep,
  toWait,
} from '../views/views.js';
import { Flag, PageQuery, RunListQuery, RunParams } from './parts.js';

/** What showing a run may be refused with; its definition is read for the marks. */
const OF_A_RUN: readonly ErrorCode[] = ['RUN_NOT_FOUND', 'DEFINITION_VERSION_NOT_FOUND'];

export function addRunRoutes(api: Api): void {
  const { runs } = api.deps.client;
  operation(
    api,
    {
      method: 'get',
      path: '/v1/runs',
      operationId: 'listRuns',
      tag: 'runs',
      summary: 'Runs, newest first',
      capability: 'read',
      query: RunListQuery,
      answers: { 200: { description: 'A page', schema: apiPage(ApiRunSummary) } },
      errors: ['DEFINITION_VERSION_NOT_FOUND'],
    },
    async ({ tenant, query: { after, limit, ...filter } }) =>
      json(await runs.list(filter, { after, limit }, { tenant })),
  );
  operation(
    api,
    {
      method: 'get',
      path: '/v1/runs/{runId}',
      operationId: 'getRun',
      tag: 'runs',
      summary: 'One run',
      description: 'A run has a row once a worker has begun it.',
      capability: 'read',
      params: RunParams,
      answers: { 200: { description: 'The run', schema: ApiRun } },
      errors: OF_A_RUN,
    },
    async ({ tenant, params: { runId } }) => json(await runs.get(runId, { tenant })),
  );
  operation(
    api,
    {
      method: 'get',
      path: '/v1/runs/{runId}/events',
      operationId: 'listRunEvents',
      tag: 'runs',
      summary: "The run's log, in order",
      capability: 'read',
      params: RunParams,
      query: PageQuery.extend({
        superseded: Flag.openapi({ description: 'Also lines that a reset has undone.' }),
      }),
      answers: { 200: { description: 'A page', schema: apiPage(ApiRunEvent) } },
      errors: OF_A_RUN,
    },
    async ({ tenant, params: { runId }, query }) =>
      json(pageOf(await runs.events(runId, query, { tenant }), toRunEvent)),
  );

  const part = <T, A extends z.ZodType>(
    name: string,
    operationId: string,
    summary: string,
    schema: A,
    ask: (runId: string, page: PageRequest, options: { tenant: string }) => Promise<Page<T>>,
    view: (item: T) => z.input<A>,
  ): void =>
    operation(
      api,
      {
        method: 'get',
        path: `/v1/runs/{runId}/${name}`,
        operationId,
        tag: 'runs',
        summary,
        capability: 'read',
        params: RunParams,
        query: PageQuery,
        answers: { 200: { description: 'A page', schema: apiPage(schema) } },
        errors: OF_A_RUN,
      },
      async ({ tenant, params: { runId }, query }) => json(pageOf(await ask(runId, query, { tenant }), view)),
    );
  part(
    'steps',
    'listRunSteps',
    'Step executions, in the order in which they began',
    ApiStep,
    (...args) => runs.steps(...args),
    toStep,
  );
  part(
    'waits',
    'listRunWaits',
    'Waits, in the order in which they opened',
    ApiWait,
    (...args) => runs.waits(...args),
    toWait,
  );
  part(
    'invocations',
    'listRunInvocations',
    'What the ledger has of its actions',
    ApiInvocation,
    (...args) => runs.invocations(...args),
    toInvocation,
  );
  part(
    'evidence',
    'listRunEvidence',
    'Decisions that let its writes happen, or did not',
    ApiEvidence,
    (...args) => runs.evidence(...args),
    toEvidence,
  );
  part(
    'inbound',
    'listRunInbound',
    'Audit rows of the events that it got',
    ApiRunInbound,
    (...args) => runs.inbound(...args),
    toRunInbound,
  );

  operation(
    api,
    {
      method: 'get',
      path: '/v1/runs/{runId}/export',
      operationId: 'exportRun',
      tag: 'runs',
      summary: 'All that is known of a run, as one bundle with a digest',
      description: '`unredacted=true` needs the role `admin`.',
      capability: 'read',
      params: RunParams,
      query: z.strictObject({ unredacted: Flag }),
      answers: {
        200: {
          description: 'The bundle',
          schema: z.looseObject({
            format: z.literal('sluice-run-bundle'),
            formatVersion: z.number().int(),
            redacted: z.boolean(),
            digest: z
              .string()
              .openapi({ description: 'sha-256 of the RFC 8785 form of everything else, hex.' }),
          }),
        },
      },
      errors: OF_A_RUN,
    },
    async ({ principal, tenant, params: { runId }, query: { unredacted } }) => {
      if (unredacted) requireCapability(principal, 'unredacted');
      const bundle = await runs.export(runId, { tenant, unredacted });
      return json(bundle, 200, {
        'content-disposition': `attachment; filename="run-${bundle.run.runId}.json"`,
      });
    },
  );
}
