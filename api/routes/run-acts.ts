/** Acts on runs. Each goes to Temporal and is answered once Temporal has accepted it; the rows follow. */
import { z } from '@hono/zod-openapi';
import { v7 as uuid } from 'uuid';
import { presentAt } from '../../client/index.js';
import { ApiRunRef } from '../../contracts/http/api.js';
import { SluiceError, type ErrorCode } from '../../contracts/errors.js';
import { JsonValue, type Json } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import { RESERVED_PREFIX } from '../../contracts/run/messages.js';
import { operation, type Api } from '../http/operation.js';
import { actHidden } from '../views/act-hidden.js';
import { json } from '../views/views.js';
import { startOnce } from '../http/start-once.js';
import { AnyJson, eventThing, Id, Reason, RunParams } from '../views/parts.js';

/** Most correlation keys of a start, characters of a step path, loop indexes and their most value. */
const START_KEYS = 1_000;
const STEP_PATH_CHARACTERS = 1_000;
const LOOP_DEPTH = 100;
const LOOP_INDEX_MOST = 1_000_000;

const TEMPORAL: readonly ErrorCode[] = [
  'TEMPORAL_UNAVAILABLE',
  'TEMPORAL_NAMESPACE_NOT_FOUND',
  'OUTCOME_UNKNOWN',
];

const StartBody = z
  .strictObject({
    definition: Id.openapi({ description: 'Id of the definition.' }),
    payload: AnyJson.openapi({ description: 'Must fit its payloadSchema. Default: {}.' }),
    version: z
      .number()
      .int()
      .positive()
      .max(Number.MAX_SAFE_INTEGER)
      .optional()
      .openapi({ description: 'Default: the latest version.' }),
    workflowId: Id.optional().openapi({
      description: 'Default: the id of the definition and a new UUID. The answer has the exact id.',
    }),
    correlationKeys: z
      .array(z.string().min(1).max(LIMITS.correlationKeyCharacters))
      .max(START_KEYS)
      .optional(),
    onConflict: z
      .enum(['fail', 'use-existing', 'terminate-existing'])
      .optional()
      .openapi({ description: 'What to do if a run with the workflow id is open. Default: fail.' }),
    reuse: z
      .enum(['always', 'never', 'after-failure'])
      .optional()
      .openapi({ description: 'What to do if a closed run has the workflow id. Default: always.' }),
  })
  .openapi('StartRun');

const SignalBody = z
  .strictObject({
    eventName: z.string().min(1).max(LIMITS.eventNameCharacters),
    payload: AnyJson,
    correlationKey: z.string().min(1).max(LIMITS.correlationKeyCharacters).optional(),
    eventId: z.string().min(1).max(LIMITS.eventIdCharacters).optional().openapi({
      description: 'Makes a repetition harmless. Default: derived from the idempotency key, else a new one.',
    }),
    source: z
      .string()
      .min(1)
      .max(LIMITS.eventIdCharacters)
      .optional()
      .openapi({ description: 'Default: api.' }),
    signal: z
      .enum(['event', 'humanTask'])
      .optional()
      .openapi({ description: 'An event wait takes `event` (default), a human task `humanTask`.' }),
  })
  .openapi('SignalRun');

export function addRunActRoutes(api: Api): void {
  const { client } = api.deps;
  operation(
    api,
    {
      method: 'post',
      path: '/v1/runs',
      operationId: 'startRun',
      tag: 'runs',
      summary: 'Start a run of a published definition',
      capability: 'operate',
      body: { schema: StartBody },
      answers: {
        201: { description: 'Started', schema: ApiRunRef, headers: { Location: 'Path of the run.' } },
      },
      errors: [
        ...TEMPORAL,
        'DEFINITION_NOT_FOUND',
        'DEFINITION_VERSION_NOT_FOUND',
        'WORKFLOW_ALREADY_STARTED',
        'NAME_RESERVED',
      ],
    },
    async ({ principal, tenant, operationId, concerns, body: { definition, payload = {}, ...options } }) => {
      concerns(`definition:${definition}`);
      await mustBeStartable(api, tenant, definition, options.version);
      const run = await startOnce(client, definition, payload as Json, {
        ...withoutUndefined(options),
        tenant,
        actor: principal.name,
        operationId,
      });
      concerns(`run:${run.runId}`);
      return json(run, 201, { location: `/v1/runs/${run.runId}` });
    },
  );
  for (const act of ['cancel', 'terminate'] as const) {
    operation(
      api,
      {
        method: 'post',
        path: `/v1/runs/{runId}/${act}`,
        operationId: `${act}Run`,
        tag: 'runs',
        summary: act === 'cancel' ? 'Ask a run to stop and clean up' : 'End a run at once, without clean-up',
        capability: 'operate',
        params: RunParams,
        body: { schema: z.strictObject({ reason: Reason.optional() }), optional: true },
        answers: { 202: { description: 'Temporal has accepted it', schema: ApiRunRef } },
        errors: [
          'RUN_NOT_FOUND',
          'RUN_CLOSED',
          'OUTCOME_UNKNOWN',
          act === 'cancel' ? 'WORKFLOW_TEMPORAL_CANCEL_FAILED' : 'WORKFLOW_TEMPORAL_TERMINATE_FAILED',
        ],
      },
      async ({ principal, tenant, params: { runId }, body: { reason } }) =>
        json(
          await actHidden(client, { tenant, runId }, () =>
            client.runs[act](runId, { tenant, actor: principal.name, reason }),
          ),
          202,
        ),
    );
  }
  operation(
    api,
    {
      method: 'post',
      path: '/v1/runs/{runId}/rerun',
      operationId: 'rerunRun',
      tag: 'runs',
      summary: 'Re-run: start a new run with the original payload and the pinned definition',
      capability: 'operate',
      params: RunParams,
      body: {
        schema: z.strictObject({
          payload: AnyJson.openapi({ description: 'Replaces the original payload.' }),
          whileOpen: z
            .boolean()
            .optional()
            .openapi({ description: 'The source may be open. Default: false.' }),
        }),
        optional: true,
      },
      answers: {
        201: {
          description: 'Started',
          schema: ApiRunRef.extend({ rerunOf: ApiRunRef }),
          headers: { Location: 'Path of the new run.' },
        },
      },
      errors: [...TEMPORAL, 'RUN_NOT_FOUND', 'RUN_OPEN', 'RERUN_PAYLOAD_GONE', 'WORKFLOW_ALREADY_STARTED'],
    },
    async ({ principal, tenant, operationId, concerns, params: { runId }, body: { payload, whileOpen } }) => {
      const again: Parameters<typeof client.runs.rerun>[1] = {
        tenant,
        actor: principal.name,
        whileOpen,
        ...(payload !== undefined && { payload: JsonValue.parse(payload) }),
        // The idempotency key gives the workflow id, which is used once: a run under it is this re-run.
        ...(operationId !== undefined && { operationId, onConflict: 'use-existing' }),
      };
      const run = await actHidden(client, { tenant, runId }, () => client.runs.rerun(runId, again));
      concerns(`run:${run.runId}`);
      return json(run, 201, { location: `/v1/runs/${run.runId}` });
    },
  );
  operation(
    api,
    {
      method: 'post',
      path: '/v1/runs/{runId}/rewind',
      operationId: 'rewindRun',
      tag: 'runs',
      summary: 'Rewind a run, open or closed, to a step',
      description: 'The run repeats that step and all that began after it; what began before stays.',
      capability: 'operate',
      params: RunParams,
      body: {
        schema: z.strictObject({
          stepPath: z.string().min(1).max(STEP_PATH_CHARACTERS).openapi({ example: 'steps[1].then[0]' }),
          iteration: z.array(z.number().int().nonnegative().max(LOOP_INDEX_MOST)).max(LOOP_DEPTH).optional(),
          reason: Reason.optional(),
        }),
      },
      answers: {
        200: {
          description: 'Rewound',
          schema: ApiRunRef.extend({
            executionId: z.string(),
            resetExecutionId: z.string(),
            stepPath: z.string(),
            iteration: z.array(z.number().int()),
            generation: z.string(),
          }),
        },
      },
      errors: [
        ...TEMPORAL,
        'RUN_NOT_FOUND',
        'REWIND_NOT_POSSIBLE',
        'REWIND_CONFLICT',
        'WORKFLOW_TEMPORAL_RESET_FAILED',
      ],
    },
    async ({ principal, tenant, operationId, params: { runId }, body }) =>
      json(
        await actHidden(client, { tenant, runId }, () =>
          client.runs.rewind(runId, { ...body, tenant, operationId, actor: principal.name }),
        ),
      ),
  );
  operation(
    api,
    {
      method: 'post',
      path: '/v1/runs/{runId}/signal',
      operationId: 'signalRun',
      tag: 'runs',
      summary: 'Send an event to one run',
      description: 'The run decides whether one of its waits takes the event; its log records it.',
      capability: 'operate',
      params: RunParams,
      body: { schema: SignalBody },
      answers: {
        202: { description: 'Temporal has accepted it', schema: z.object({ eventId: z.string() }) },
      },
      errors: [...TEMPORAL, 'RUN_NOT_FOUND', 'RUN_CLOSED', 'WORKFLOW_NOT_FOUND'],
    },
    async ({ principal, tenant, operationId, concerns, params: { runId }, body }) => {
      const { signal, eventId = operationId ?? uuid(), payload = null, source = 'api', ...event } = body;
      // An id that the caller gives may come again: then the run may have ended by this very event.
      const again = body.eventId !== undefined || operationId !== undefined;
      const closed = await endOfRun(api, tenant, runId);
      if (closed !== undefined && !again) throw closed;
      concerns(eventThing(source, eventId));
      const sent = {
        ...withoutUndefined(event),
        eventName: event.eventName,
        eventId,
        source,
        payload: JsonValue.parse(payload),
        actor: principal.name,
      };
      await actHidden(client, { tenant, runId }, async () => {
        const options = { tenant, ...(signal !== undefined && { signalName: signal }) };
        await client.runs.signal(runId, sent, options).catch((thrown: unknown) => {
          const refused = thrown instanceof SluiceError && thrown.code === 'WORKFLOW_NOT_FOUND';
          throw refused && closed !== undefined ? closed : thrown;
        });
        return {};
      });
      return json({ eventId }, 202);
    },
  );
}

/** Refuses a start that could only fail: Temporal itself would start any workflow type. */
async function mustBeStartable(
  { deps: { client } }: Api,
  tenant: string,
  definition: string,
  version: number | undefined,
): Promise<void> {
  if (definition.startsWith(RESERVED_PREFIX)) {
    throw new SluiceError(
      'NAME_RESERVED',
      `${definition} begins with ${RESERVED_PREFIX}, which is reserved for Sluice's system workflows.`,
    );
  }
  const found = await client.definitions.get(definition, version, { tenant });
  if (version === undefined && found.latest === null) {
    throw new SluiceError(
      'DEFINITION_NOT_FOUND',
      `Tenant ${tenant} has unpublished ${definition}; start it with an explicit version.`,
    );
  }
}

/**
 * The refusal of a signal to a run that has ended; undefined: it is open.
 * @throws SluiceError RUN_CLOSED if another run, perhaps of another tenant, has the workflow id by now:
 *   signals go to that id
 */
async function endOfRun(
  { deps: { client } }: Api,
  tenant: string,
  runId: string,
): Promise<SluiceError | undefined> {
  const { workflowId, status } = await client.runs.get(runId, { tenant, unredacted: true });
  const present = await presentAt(client.temporal, workflowId);
  const closed = new SluiceError('RUN_CLOSED', `Run ${runId} has ended ${status}.`, {
    details: { runId, status },
  });
  if (present?.runId !== runId) throw closed;
  return present.open ? undefined : closed;
}

/** Drops the keys that are undefined. */
function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
