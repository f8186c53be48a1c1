import { z } from '@hono/zod-openapi';
import type { BulkItem, SluiceClient } from '../../client/index.js';
import { operation, type Api } from '../http/operation.js';
import { ndjson } from '../http/streams.js';
import { hidden } from '../views/act-hidden.js';
import { Reason, RunFilterBody } from '../views/parts.js';

/** Most characters of the path of a step. */
const STEP_PATH_CHARACTERS = 1_000;

const Place = { stepPath: z.string(), iteration: z.array(z.number().int()) };

const BulkBody = z
  .strictObject({
    action: z.enum(['cancel', 'terminate', 'rerun', 'rewind']),
    filter: RunFilterBody,
    dryRun: z
      .boolean()
      .optional()
      .openapi({ description: 'List the runs that would be acted on, and do nothing.' }),
    concurrency: z.number().int().min(1).max(50).optional(),
    limit: z.number().int().min(1).max(1_000_000).optional().openapi({ description: 'Most runs to act on.' }),
    reason: Reason.optional(),
    whileOpen: z.boolean().optional().openapi({ description: 'Re-run open runs too.' }),
    stepPath: z.string().min(1).max(STEP_PATH_CHARACTERS).optional().openapi({
      description: 'Of a rewind: the step to go back to. Default: the step that failed.',
    }),
    rerunToo: z.boolean().optional().openapi({
      description: 'Re-run or rewind runs that have been re-run already; they are skipped else.',
    }),
    all: z.boolean().optional().openapi({ description: 'Must be true if the filter is empty.' }),
  })
  .openapi('BulkRuns');

const BulkLine = z
  .object({
    runId: z.string(),
    workflowId: z.string(),
    outcome: z.enum(['done', 'would', 'skipped', 'unknown', 'failed']),
    error: z.object({ code: z.string(), message: z.string() }).optional(),
    started: z.object({ runId: z.string(), workflowId: z.string() }).optional(),
    step: z.object(Place).optional().openapi({ description: 'Of a rewind: where it goes back to.' }),
    repeats: z
      .object({
        effects: z.array(
          z.object({ ...Place, action: z.string(), status: z.enum(['STARTED', 'SUCCEEDED', 'FAILED']) }),
        ),
        moreEffects: z.number().int(),
      })
      .optional()
      .openapi({
        description:
          'Of a dry run of a re-run or rewind: the uses of actions that would be repeated, by the ledger.',
      }),
  })
  .openapi('BulkLine');

export function addBulkRoutes(api: Api): void {
  const { client, stopping } = api.deps;
  operation(
    api,
    {
      method: 'post',
      path: '/v1/runs/bulk',
      operationId: 'bulkRuns',
      tag: 'bulk',
      summary: 'Cancel, terminate, re-run or rewind every run that matches',
      description: `The answer has one line of JSON for each run (BulkLine), in the order of completion, and a last line:
\`{"summary": {…}}\` with the number of each outcome, or \`{"problem": {…}}\` if the operation broke off. A failure for
one run stops no other. If the caller disconnects, no further run is begun. A re-run with an idempotency key starts
nothing twice. A rewind goes back to the step that failed, and repeats only what began from there on; prefer it to a
re-run, which repeats every effect. A run that has been re-run is skipped (\`RUN_RERUN\`).`,
      capability: 'operate',
      body: { schema: BulkBody },
      answers: {
        200: { description: 'One line of JSON for each run', type: 'application/x-ndjson', schema: BulkLine },
      },
      errors: ['DEFINITION_VERSION_NOT_FOUND'],
      idempotency: 'again',
    },
    async ({ c, principal, tenant, operationId, concerns, body: { action, filter, ...options } }) => {
      const listener = new AbortController();
      const items = client.runs.bulk(action, filter, {
        ...options,
        tenant,
        actor: principal.name,
        operationId,
        signal: AbortSignal.any([listener.signal, stopping]),
      });
      const noted = ({ runId, outcome }: BulkItem): string => {
        if (outcome !== 'would') concerns(`run:${runId}`);
        return outcome;
      };
      return ndjson(hiddenItems(client, tenant, items), noted, listener, {
        requestId: c.get('requestId'),
        path: c.req.path,
      });
    },
  );
}

async function* hiddenItems(
  client: SluiceClient,
  tenant: string,
  items: AsyncGenerator<BulkItem, void>,
): AsyncGenerator<BulkItem, void> {
  for await (const item of items) yield await hidden(client, { tenant, runId: item.runId }, item);
}
