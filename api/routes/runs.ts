/** Reads of runs. Values that a definition marks `writeOnly` are redacted; only an export may show them. */
import { z } from '@hono/zod-openapi';
import {
  ApiAct,
  apiPage,
  ApiEvidence,
  ApiInvocation,
  ApiRun,
  ApiRunEvent,
  ApiRunExplanation,
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
import { Flag, PageQuery, RunListQuery, RunParams } from '../views/parts.js';

/** Errors of a read of one run; its definition is read for the marks. */
const READ_ERRORS: readonly ErrorCode[] = ['RUN_NOT_FOUND', 'DEFINITION_VERSION_NOT_FOUND'];

/** A list that belongs to a run. */
interface RunPart<T, A extends z.ZodType> {
  readonly name: string;
  readonly operationId: string;
  readonly summary: string;
  readonly schema: A;
  readonly read: (runId: string, page: PageRequest, options: { tenant: string }) => Promise<Page<T>>;
  readonly view: (item: T) => z.input<A>;
}

export function addRunRoutes(api: Api): void {
  const { runs } = api.deps.client;
  operation(
    api,
    {
      method: 'get',
      path: '/v1/runs',
      operationId: 'listRuns',
      tag: 'runs',
      summary: 'List runs, newest first',
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
      summary: 'Show a run',
      description: 'A run is visible once a worker has begun it.',
      capability: 'read',
      params: RunParams,
      answers: { 200: { description: 'The run', schema: ApiRun } },
      errors: READ_ERRORS,
    },
    async ({ tenant, params: { runId } }) => json(await runs.get(runId, { tenant })),
  );
  operation(
    api,
    {
      method: 'get',
      path: '/v1/runs/{runId}/explanation',
      operationId: 'explainRun',
      tag: 'runs',
      summary: 'Say what happened to a run, and what would help',
      capability: 'read',
      params: RunParams,
      answers: { 200: { description: 'The explanation', schema: ApiRunExplanation } },
      errors: READ_ERRORS,
    },
    async ({ tenant, params: { runId } }) => json(await runs.explain(runId, { tenant })),
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
        superseded: Flag.openapi({ description: 'Also events that a reset undid.' }),
      }),
      answers: { 200: { description: 'A page', schema: apiPage(ApiRunEvent) } },
      errors: READ_ERRORS,
    },
    async ({ tenant, params: { runId }, query }) =>
      json(pageOf(await runs.events(runId, query, { tenant }), toRunEvent)),
  );

  const addPartRoute = <T, A extends z.ZodType>({
    name,
    operationId,
    summary,
    schema,
    read,
    view,
  }: RunPart<T, A>): void =>
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
        errors: READ_ERRORS,
      },
      async ({ tenant, params: { runId }, query }) =>
        json(pageOf(await read(runId, query, { tenant }), view)),
    );
  addPartRoute({
    name: 'steps',
    operationId: 'listRunSteps',
    summary: 'List step executions, in the order in which they began',
    schema: ApiStep,
    read: (...args) => runs.steps(...args),
    view: toStep,
  });
  addPartRoute({
    name: 'waits',
    operationId: 'listRunWaits',
    summary: 'List waits, in the order in which they opened',
    schema: ApiWait,
    read: (...args) => runs.waits(...args),
    view: toWait,
  });
  addPartRoute({
    name: 'invocations',
    operationId: 'listRunInvocations',
    summary: 'List the ledger rows of its actions',
    schema: ApiInvocation,
    read: (...args) => runs.invocations(...args),
    view: toInvocation,
  });
  addPartRoute({
    name: 'evidence',
    operationId: 'listRunEvidence',
    summary: 'List the policy decisions about its actions',
    schema: ApiEvidence,
    read: (...args) => runs.evidence(...args),
    view: toEvidence,
  });
  addPartRoute({
    name: 'inbound',
    operationId: 'listRunInbound',
    summary: 'List the audit rows of the events that were delivered to it',
    schema: ApiRunInbound,
    read: (...args) => runs.inbound(...args),
    view: toRunInbound,
  });
  addPartRoute({
    name: 'audit',
    operationId: 'listRunAudit',
    summary: 'List who acted on it, newest first',
    schema: ApiAct,
    read: (...args) => runs.audit(...args),
    view: (act) => ({ ...act, on: [...act.on] }),
  });

  operation(
    api,
    {
      method: 'get',
      path: '/v1/runs/{runId}/export',
      operationId: 'exportRun',
      tag: 'runs',
      summary: 'Export everything that is known about a run, as one bundle with a digest',
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
      errors: READ_ERRORS,
      audited: ({ unredacted }) => unredacted,
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
