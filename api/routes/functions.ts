import { z } from '@hono/zod-openapi';
import { FUNCTIONS } from '../../expressions/index.js';
import { operation, type Api } from '../http/operation.js';
import { json } from '../views/views.js';

const Fn = z
  .object({ name: z.string(), kind: z.string(), signature: z.string(), description: z.string() })
  .openapi('ExpressionFunction');

export function addFunctionRoutes(api: Api): void {
  operation(
    api,
    {
      method: 'get',
      path: '/v1/functions',
      operationId: 'listFunctions',
      tag: 'expressions',
      summary: 'List the functions that an expression may call',
      capability: 'read',
      answers: { 200: { description: 'All functions', schema: z.object({ items: z.array(Fn) }) } },
    },
    async () =>
      json({
        items: FUNCTIONS.map(({ name, kind, signature, description }) => ({
          name,
          kind,
          signature,
          description,
        })),
      }),
  );
}
