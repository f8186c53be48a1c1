/** Finds the keys that an object may have in the zod schemas, for hints about unknown keys. */
import { z } from 'zod';
import { isJsonObject, type Json } from '../../contracts/json.js';
import type { DocumentPath } from '../source/source.js';

/** The keys that the schema allows at a path of the value; empty if it allows any key. */
export function keysAllowed(schema: z.ZodType, value: Json, path: DocumentPath): readonly string[] {
  let current: z.core.$ZodType | undefined = resolve(schema, value);
  let given: Json | undefined = value;
  for (const part of path) {
    given = childValue(given, part);
    current = current === undefined ? undefined : child(current, part);
    current = current === undefined ? undefined : resolve(current, given);
  }
  return current instanceof z.ZodObject ? Object.keys(current.shape) : [];
}

function childValue(value: Json | undefined, part: string | number): Json | undefined {
  if (typeof part === 'number') return Array.isArray(value) ? (value as readonly Json[])[part] : undefined;
  return isJsonObject(value) ? value[part] : undefined;
}

function child(schema: z.core.$ZodType, part: string | number): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodObject) {
    const shape: Readonly<Record<string, z.core.$ZodType>> = schema.shape;
    return shape[part];
  }
  if (schema instanceof z.ZodArray) return schema.element;
  return schema instanceof z.ZodRecord ? schema.valueType : undefined;
}

/** The schema without wrappers; of a union, the member that the `type` of the value selects. */
function resolve(schema: z.core.$ZodType, value: Json | undefined): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodOptional) return resolve(schema.unwrap(), value);
  if (schema instanceof z.ZodLazy) return resolve(schema.unwrap(), value);
  if (schema instanceof z.ZodUnion) {
    const options = schema.options;
    const objects = options.filter((option) => option instanceof z.ZodObject);
    const type = isJsonObject(value) ? value['type'] : undefined;
    return (
      objects.find((option) => {
        const literal = (option.shape as Readonly<Record<string, unknown>>)['type'];
        return literal instanceof z.ZodLiteral && literal.value === type;
      }) ?? (objects.length === 1 ? objects[0] : undefined)
    );
  }
  return schema;
}
