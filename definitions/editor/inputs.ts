/** What the catalogue says of the input of an action, for editors. */
import { isJsonObject, type Json, type JsonObject } from '../../contracts/json.js';
import { resolved } from '../analysis/schema-shape.js';
import type { ActionSchemas } from '../action-schemas.js';
import type { Catalogue } from '../known.js';
import type { DocumentPath } from '../source/source.js';

/** A field that a schema names. */
export interface SchemaField {
  readonly name: string;
  readonly required: boolean;
  /** Its type in words. */
  readonly type: string;
  readonly description?: string;
}

/** The schemas of the version of an action that a call gets. */
export function schemasOf({ action, version }: JsonObject, catalogue: Catalogue): ActionSchemas | undefined {
  if (typeof action !== 'string') return undefined;
  const wanted = typeof version === 'number' ? version : Math.max(...(catalogue.actions.get(action) ?? []));
  return catalogue.schemas?.(action, wanted);
}

/** The fields that a schema names at a path in its values, the required ones first. */
export function fieldsOf(schema: JsonObject, path: DocumentPath = []): readonly SchemaField[] {
  const inner = path.reduce<Json | undefined>((current, part) => {
    const found = target(schema, current);
    const properties = found?.['properties'];
    if (typeof part === 'number') return found?.['items'];
    return isJsonObject(properties) && Object.hasOwn(properties, part) ? properties[part] : undefined;
  }, schema);
  const found = target(schema, inner);
  const properties = found?.['properties'];
  if (found === undefined || !isJsonObject(properties)) return [];
  const required = found['required'];
  return Object.entries(properties)
    .map(([name, given]): SchemaField => {
      const field = target(schema, given) ?? {};
      const { description } = field;
      return {
        name,
        required: Array.isArray(required) && (required as readonly Json[]).includes(name),
        type: typeInWords(field),
        ...(typeof description === 'string' && { description }),
      };
    })
    .sort((a, b) => Number(b.required) - Number(a.required));
}

/** A schema behind its references; a chain of them that never ends leads nowhere. */
function target(root: JsonObject, schema: Json | undefined, hops = 10): JsonObject | undefined {
  if (!isJsonObject(schema) || hops === 0) return undefined;
  const { $ref: reference } = schema;
  return typeof reference === 'string' ? target(root, resolved(root, reference), hops - 1) : schema;
}

function typeInWords({ type, enum: values, const: only }: JsonObject): string {
  if (Array.isArray(values)) {
    return (values as readonly Json[]).map((value) => JSON.stringify(value)).join(' | ');
  }
  if (only !== undefined) return JSON.stringify(only);
  if (Array.isArray(type)) return (type as readonly Json[]).map(String).join(' | ');
  return typeof type === 'string' ? type : 'any';
}

/** Fields as a list in Markdown. */
export function fieldsInMarkdown(fields: readonly SchemaField[]): string {
  return fields
    .map(({ name, required, type, description }) => {
      const said = description === undefined ? '' : `: ${description}`;
      return `- \`${name}${required ? '' : '?'}\` ${type}${said}`;
    })
    .join('\n');
}
