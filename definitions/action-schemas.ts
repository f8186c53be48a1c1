/** The schemas of an action as JSON Schema, for checks that have no action: of documents, and in editors. */
import { z } from 'zod';
import type { JsonObject } from '../contracts/json.js';

export interface ActionSchemas {
  /** What the action takes: a field with a default may be left out. */
  readonly input: JsonObject;
  readonly output: JsonObject;
}

/**
 * The schemas of an action in draft 2020-12. They omit what JSON Schema cannot say, such as a refinement, so
 * they let through all that the action takes.
 */
export function actionSchemas({
  input,
  output,
}: {
  readonly input: z.ZodType;
  readonly output: z.ZodType;
}): ActionSchemas {
  return { input: jsonSchema(input, 'input'), output: jsonSchema(output, 'output') };
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): JsonObject {
  const made = z.toJSONSchema(schema, { io, unrepresentable: 'any', cycles: 'ref' });
  // The round trip drops zod's markers, which are not JSON.
  return JSON.parse(JSON.stringify(made)) as JsonObject;
}
