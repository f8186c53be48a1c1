/**
 * Operations of the older engine. They exist so that callers of the old contract learn what to do instead:
 * nothing is read, nothing is written, Temporal is not called.
 */
import type { LegacyAction } from '../../client/index.js';
import { operation, type Api } from '../http/operation.js';
import { RunParams } from '../views/parts.js';

const PATHS: Readonly<Record<string, LegacyAction>> = {
  resume: 'resume',
  retry: 'retry',
  'requeue-event-wait': 'requeue_event_wait',
  execute: 'execute',
};

export function addLegacyRoutes(api: Api): void {
  for (const [path, action] of Object.entries(PATHS)) {
    operation(
      api,
      {
        method: 'post',
        path: `/v1/runs/{runId}/${path}`,
        operationId: `${action.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase())}Run`,
        tag: 'legacy',
        summary: `Always refused: ${action} does not exist`,
        description: '`details.instead` of the answer says what to do instead. A body is ignored.',
        capability: 'operate',
        params: RunParams,
        answers: {},
        errors: ['WORKFLOW_TEMPORAL_ACTION_UNSUPPORTED'],
        idempotency: 'none',
      },
      ({ params: { runId } }) => api.deps.client.runs.legacy(action, runId),
    );
  }
}
