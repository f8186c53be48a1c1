/** The OpenAPI document as a test reads it. */
import { z } from 'zod';
import type { TestApi } from './api.js';

const Operation = z.object({
  operationId: z.string(),
  security: z.array(z.unknown()).optional(),
  parameters: z
    .array(z.object({ name: z.string(), in: z.string(), required: z.boolean().optional() }))
    .optional(),
  requestBody: z.object({ required: z.boolean().optional() }).optional(),
  responses: z.record(
    z.string(),
    z.object({ description: z.string(), content: z.record(z.string(), z.unknown()).optional() }),
  ),
});

const OpenApi = z.object({
  openapi: z.string(),
  paths: z.record(z.string(), z.record(z.enum(['get', 'post']), Operation.optional())),
});

export interface Route {
  readonly id: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly operation: z.output<typeof Operation>;
}

/** Every route of the document. */
export async function routesOf(api: TestApi): Promise<readonly Route[]> {
  const { paths } = await api.answer(OpenApi, '/openapi.json', { as: undefined });
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, operation]) =>
      operation === undefined
        ? []
        : [{ id: operation.operationId, method: method.toUpperCase() as Route['method'], path, operation }],
    ),
  );
}

/** A path with its parameters filled in. */
export function filled(path: string, values: Readonly<Record<string, string>>): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? 'x'));
}
