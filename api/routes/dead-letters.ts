/**
 * Dead letters. Reads go to the database; acts go through a system workflow of Sluice, as from the command
 * line. The marked values of a run are redacted in its letters too.
 */
import { z } from '@hono/zod-openapi';
import { ShownEvents } from '../../client/index.js';
import {
  DeadLetterFilter,
  DeadLetterKind,
  DeadLetterStatus,
  DeadLetterSummary,
  DeadLetterView,
} from '../../contracts/events/dead-letter.js';
import { inOrderOfRuns } from '../../contracts/events/letter-order.js';
import { SluiceError, toSluiceError, type ErrorCode } from '../../contracts/errors.js';
import { apiPage } from '../../contracts/http/api.js';
import { operation, type Api } from '../http/operation.js';
import { ndjson } from '../http/streams.js';
import { actHidden, hidden } from '../views/act-hidden.js';
import { json, pageOf } from '../views/views.js';
import { Id, PageQuery } from '../views/parts.js';

/** Most characters of a note. */
const NOTE_CHARACTERS = 2_000;
/** Letters that a bulk operation acts on by default, and at most. */
const BULK_LIMIT = 100;
const BULK_MOST = 10_000;
/** Letters that a bulk operation reads at once. */
const PAGE_SIZE = 500;

const Params = z.strictObject({ deadLetterId: Id });
const HistoryGone = z.boolean().optional().openapi({
  description:
    'Of a retry: true once a person has made sure that the history of the run is gone. Needed where the run is INTERRUPTED.',
});
const Note = z.string().max(NOTE_CHARACTERS).optional().openapi({ description: 'Why, for the audit.' });
const filter = { status: DeadLetterStatus.optional(), kind: DeadLetterKind.optional(), runId: Id.optional() };

const orNull = <T extends z.ZodType>(schema: T) => z.union([schema, z.null()]);
const Summary = z
  .object({
    ...DeadLetterSummary.shape,
    runId: orNull(z.string()),
    errorCode: orNull(z.string()),
    resolvedAt: orNull(z.string()),
  })
  .openapi('DeadLetterSummary');
const Letter = Summary.extend({
  retryWith: z
    .unknown()
    .openapi({ description: 'Everything that a retry needs; the kind determines its shape.' }),
  body: orNull(z.string()),
  acts: DeadLetterView.shape.acts.meta({ description: 'Retries and dismissals, oldest first.' }),
}).openapi('DeadLetter');

const ACT_ERRORS: readonly ErrorCode[] = [
  'DEAD_LETTER_NOT_FOUND',
  'DEAD_LETTER_CLOSED',
  'WORKER_NOT_FOUND',
  'TEMPORAL_UNAVAILABLE',
  'OUTCOME_UNKNOWN',
  'TEMPORAL_NAMESPACE_NOT_FOUND',
];
const RETRY_ERRORS: readonly ErrorCode[] = [
  'DEAD_LETTER_UNCONFIRMED',
  'DEAD_LETTER_NOT_RETRYABLE',
  'WORKFLOW_ALREADY_STARTED',
  'CONFIG_INVALID',
  'BRIDGE_UNAVAILABLE',
  'REDIS_UNAVAILABLE',
  'REDIS_REFUSED',
  'ACTION_FAILED',
];

export function addDeadLetterRoutes(api: Api): void {
  const { client, projections, stopping } = api.deps;
  const shown = new ShownEvents(projections.events, projections.reads);
  operation(
    api,
    {
      method: 'get',
      path: '/v1/dead-letters',
      operationId: 'listDeadLetters',
      tag: 'dead letters',
      summary: 'List dead letters: open ones first, each group newest first',
      capability: 'read',
      query: PageQuery.extend(filter),
      answers: { 200: { description: 'A page', schema: apiPage(Summary) } },
      errors: ['DEFINITION_VERSION_NOT_FOUND'],
    },
    async ({ tenant, query: { after, limit, ...selection } }) => {
      const page = await projections.deadLetters.list(tenant, DeadLetterFilter.parse(selection), {
        after,
        limit,
      });
      const items = await Promise.all(page.items.map((letter) => shown.summary(tenant, letter)));
      return json(pageOf({ items, next: page.next }, (letter) => letter));
    },
  );
  operation(
    api,
    {
      method: 'get',
      path: '/v1/dead-letters/{deadLetterId}',
      operationId: 'getDeadLetter',
      tag: 'dead letters',
      summary: 'Show a dead letter with its content and its acts',
      capability: 'read',
      params: Params,
      answers: { 200: { description: 'The letter', schema: Letter } },
      errors: ['DEAD_LETTER_NOT_FOUND', 'DEFINITION_VERSION_NOT_FOUND'],
    },
    async ({ tenant, params: { deadLetterId } }) => {
      const letter = await projections.deadLetters.get(tenant, deadLetterId);
      if (letter === undefined) {
        throw new SluiceError(
          'DEAD_LETTER_NOT_FOUND',
          `Tenant ${tenant} has no dead letter ${deadLetterId}.`,
        );
      }
      return json(await shown.letter(tenant, letter));
    },
  );
  for (const act of ['retry', 'dismiss'] as const) {
    operation(
      api,
      {
        method: 'post',
        path: `/v1/dead-letters/{deadLetterId}/${act}`,
        operationId: `${act}DeadLetter`,
        tag: 'dead letters',
        summary:
          act === 'retry'
            ? 'Retry what failed, under the same idempotency key'
            : 'Close a letter without a retry',
        ...(act === 'retry' && {
          description:
            'Answers when the retry has succeeded; its failure is answered with the code of the action. A retried trigger is left to the event bridge (`RETRYING`); the letter then says how it ended.',
        }),
        capability: 'operate',
        params: Params,
        body: {
          schema: z.strictObject({ note: Note, ...(act === 'retry' && { historyGone: HistoryGone }) }),
          optional: true,
        },
        answers: {
          200: {
            description: 'Done',
            schema: z.object({ id: z.string(), status: z.enum(['RETRIED', 'RETRYING', 'DISMISSED']) }),
          },
        },
        errors: act === 'retry' ? [...ACT_ERRORS, ...RETRY_ERRORS] : ACT_ERRORS,
      },
      async ({ principal, tenant, params: { deadLetterId: id }, body: { note, historyGone } }) => {
        const runId = (await projections.deadLetters.get(tenant, id))?.runId ?? null;
        const { status } = await actHidden(client, { tenant, runId }, async () => ({
          status: await client.deadLetters[act](id, {
            tenant,
            actor: principal.name,
            ...(note !== undefined && { note }),
            ...(historyGone === true && { historyGone }),
          }),
        }));
        return json({ id, status });
      },
    );
  }
  operation(
    api,
    {
      method: 'post',
      path: '/v1/dead-letters/bulk',
      operationId: 'bulkDeadLetters',
      tag: 'bulk',
      summary: 'Retry or dismiss every open letter that matches',
      description:
        'The answer is like that of `bulkRuns`, with a line for each letter. Runs follow one another by their oldest letter; within a run, compensations go from the last step to the first. A retry skips letters that cannot be retried.',
      capability: 'operate',
      body: {
        schema: z
          .strictObject({
            action: z.enum(['retry', 'dismiss']),
            filter: z.strictObject({ kind: filter.kind, runId: filter.runId }),
            dryRun: z.boolean().optional(),
            note: Note,
            historyGone: HistoryGone,
            limit: z
              .number()
              .int()
              .min(1)
              .max(BULK_MOST)
              .optional()
              .openapi({ description: `Letters that are acted on; the others stay. Default ${BULK_LIMIT}.` }),
            all: z.boolean().optional().openapi({ description: 'Must be true if the filter is empty.' }),
          })
          .openapi('BulkDeadLetters'),
      },
      answers: {
        200: {
          description: 'One line of JSON for each letter',
          type: 'application/x-ndjson',
          schema: z.object({
            id: z.string(),
            subject: z.string(),
            runId: orNull(z.string()),
            createdAt: z.string(),
            outcome: z.enum(['done', 'would', 'unknown', 'failed']),
            error: z.object({ code: z.string(), message: z.string() }).optional(),
          }),
        },
      },
      errors: ['DEFINITION_VERSION_NOT_FOUND'],
      idempotency: 'again',
    },
    async ({ c, principal, tenant, concerns, body }) => {
      const listener = new AbortController();
      const signal = AbortSignal.any([listener.signal, stopping]);
      const items = bulk(api, { ...body, tenant, actor: principal.name }, signal);
      const noted = ({ id, outcome }: BulkLine): string => {
        if (outcome !== 'would') concerns(`deadLetter:${id}`);
        return outcome;
      };
      return ndjson(items, noted, listener, {
        requestId: c.get('requestId'),
        path: c.req.path,
      });
    },
  );
}

interface BulkRequest {
  readonly tenant: string;
  readonly actor: string;
  readonly action: 'retry' | 'dismiss';
  readonly filter: { readonly kind?: DeadLetterKind | undefined; readonly runId?: string | undefined };
  readonly dryRun?: boolean | undefined;
  readonly note?: string | undefined;
  readonly historyGone?: boolean | undefined;
  readonly all?: boolean | undefined;
  /** Letters that are acted on. */
  readonly limit?: number | undefined;
}

interface BulkLine {
  readonly id: string;
  readonly subject: string;
  readonly runId: string | null;
  readonly createdAt: string;
  readonly outcome: 'done' | 'would' | 'unknown' | 'failed';
  readonly error?: { readonly code: string; readonly message: string };
}

async function* bulk(
  api: Api,
  {
    tenant,
    actor,
    action,
    filter: { kind, runId },
    dryRun,
    note,
    historyGone,
    all,
    limit = BULK_LIMIT,
  }: BulkRequest,
  signal: AbortSignal,
): AsyncGenerator<BulkLine, void> {
  const { client, projections } = api.deps;
  const shown = new ShownEvents(projections.events, projections.reads);
  if (kind === undefined && runId === undefined && all !== true) {
    throw new SluiceError(
      'INPUT_INVALID',
      `The filter is empty and matches every open letter of tenant ${tenant}; pass all to confirm.`,
    );
  }
  // Chosen before the first act: a letter is open again after a failed retry, and must not be retried twice.
  const chosen: Pick<DeadLetterSummary, 'id' | 'subject' | 'runId' | 'kind' | 'createdAt'>[] = [];
  for (let after: string | undefined; ;) {
    const page = await projections.deadLetters.list(
      tenant,
      { status: 'OPEN', ...(kind !== undefined && { kind }), ...(runId !== undefined && { runId }) },
      { limit: PAGE_SIZE, after },
    );
    for (const letter of page.items) {
      if (action === 'retry' && !letter.canRetry) continue;
      chosen.push(await shown.summary(tenant, letter));
    }
    if (page.next === null) break;
    after = page.next;
  }
  for (const { id, subject, runId: ofRun, createdAt } of inOrderOfRuns(chosen).slice(0, limit)) {
    const of = { id, subject, runId: ofRun, createdAt };
    if (signal.aborted) return;
    if (dryRun === true) {
      yield { ...of, outcome: 'would' };
      continue;
    }
    try {
      await client.deadLetters[action](id, {
        tenant,
        actor,
        ...(note !== undefined && { note }),
        ...(historyGone === true && { historyGone }),
      });
      yield { ...of, outcome: 'done' };
    } catch (thrown) {
      const { code, message } = toSluiceError(thrown);
      const outcome = code === 'OUTCOME_UNKNOWN' ? 'unknown' : 'failed';
      const error = await hidden(client, { tenant, runId: ofRun }, { code, message });
      yield { ...of, outcome, error };
    }
  }
}
