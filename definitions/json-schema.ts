/** The JSON Schema that editors use, generated from the zod schemas. */
import { z } from 'zod';
import { Definition } from '../contracts/definition/index.js';
import type { JsonObject } from '../contracts/json.js';

/**
 * The schema of `schema/definition.schema.json`, in draft-07, which every editor supports. It checks less
 * than `readDefinition`: it has no rules across fields and does not check expressions.
 */
export function definitionJsonSchema(): JsonObject {
  const schema = z.toJSONSchema(Definition, { target: 'draft-07', unrepresentable: 'any', io: 'input' });
  // The round trip drops zod's markers, which are not JSON.
  return JSON.parse(JSON.stringify(schema)) as JsonObject;
}
