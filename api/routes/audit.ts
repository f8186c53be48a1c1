/** Who did what in a tenant. */
import { ApiAct, apiPage } from '../../contracts/http/api.js';
import { operation, type Api } from '../http/operation.js';
import { json, pageOf } from '../views/views.js';
import { PageQuery, Thing } from '../views/parts.js';

export function addAuditRoute(api: Api): void {
  operation(
    api,
    {
      method: 'get',
      path: '/v1/audit',
      operationId: 'listAudit',
      tag: 'audit',
      summary: 'List who did what in the tenant, newest first',
      description:
        'Every act through this API, and every read of values that are marked. `unknown`: the act is under way, its process died, or the answer of a service was lost.',
      capability: 'read',
      query: PageQuery.extend({ on: Thing.optional() }),
      answers: { 200: { description: 'A page', schema: apiPage(ApiAct) } },
    },
    async ({ tenant, query: { on, after, limit } }) => {
      const page = await api.deps.client.runs.listAudit({ on }, { after, limit }, { tenant });
      return json(pageOf(page, (act) => ({ ...act, on: [...act.on] })));
    },
  );
}
