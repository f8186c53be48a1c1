/** The JSON Schema that editors use, generated from the zod schemas. */
import { z } from 'zod';
import { Definition } from '../contracts/definition/index.js';
import type { JsonObject } from '../contracts/json.js';

/**
 * The schema of `schema/definition.schema.json`: draft-07, which every editor knows. It says less than
 * `readDefinition` checks: rules over several fields and expressions are not in it.
 */
export function definitionJsonSchema(): JsonObject {
  const schema = z.toJSONSchema(Definition, { target: 'draft-07', unrepresentable: 'any', io: 'input' });
  // JSON by construction; the round trip drops what is no JSON, such as zod's own markers.
  return JSON.parse(JSON.stringify(schema)) as JsonObject;
}
