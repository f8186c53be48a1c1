/** Removing the values of runs and persons. */
import { ApiEraseBody, ApiErasure } from '../contracts/http/erasure.js';
import { operation, type Api } from './http/operation.js';
import { json } from './views/views.js';

export function addErasureRoute(api: Api): void {
  const { client, projections } = api.deps;
  operation(
    api,
    {
      method: 'post',
      path: '/v1/erasures',
      operationId: 'erase',
      tag: 'erasure',
      summary: 'Erase closed runs, or everything of a correlation key',
      description:
        'Removes their values from Temporal, the database, dead letters and stored answers, with those of their children and of events that only they had. Rows without values stay, and so does the audit. Without `dryRun: false` it only says what it would erase. It may be asked for again at any time: it takes no idempotency key.',
      capability: 'erase',
      body: { schema: ApiEraseBody },
      answers: { 200: { description: 'What was erased, or would be', schema: ApiErasure } },
      errors: [
        'RUN_NOT_FOUND',
        'RUN_OPEN',
        'ERASURE_TOO_EARLY',
        'ERASURE_UNFINISHED',
        'TEMPORAL_UNAVAILABLE',
      ],
      // A stored answer would keep a digest of the key that was erased.
      idempotency: 'none',
    },
    async ({ tenant, concerns, body }) => {
      const report = await client.runs.erase(projections.erasure, { ...body, tenant });
      // The correlation key is a value: the audit names runs and events.
      if (!report.dryRun) {
        for (const { runId } of report.runs) concerns(`run:${runId}`);
        for (const { source, id } of report.events) concerns(`event:${source}/${id}`);
      }
      return json(report);
    },
  );
}
