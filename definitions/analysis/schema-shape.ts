/**
 * Shapes by JSON Schema.
 *
 * Invariant [no-false-alarm]: the shape covers every value that the schema lets through. A keyword that is
 * not read here only narrows what a schema lets through, so it may be left out.
 */
import { isJsonObject, type Json, type JsonObject } from '../../contracts/json.js';
import { JSON_VALUE, KIND, type Shape, shapeOf, union } from './shape.js';

/** Schemas that one shape is made of: references can make a small schema large. */
const MOST_SCHEMAS = 5_000;
const MOST_LEVELS = 12;

const KINDS: Readonly<Record<string, number>> = {
  null: KIND.null,
  boolean: KIND.boolean,
  number: KIND.number,
  integer: KIND.number,
  string: KIND.text,
  array: KIND.list,
  object: KIND.object,
};

interface Reading {
  readonly root: Json;
  left: number;
}

const cache = new WeakMap<object, Shape>();

/** The shape of what a schema lets through; of no schema, any JSON. */
export function shapeOfSchema(schema: Json | undefined): Shape {
  if (!isJsonObject(schema)) return JSON_VALUE;
  const cached = cache.get(schema);
  if (cached !== undefined) return cached;
  const shape = read(schema, { root: schema, left: MOST_SCHEMAS }, MOST_LEVELS);
  cache.set(schema, shape);
  return shape;
}

function read(schema: Json | undefined, reading: Reading, levels: number): Shape {
  if (!isJsonObject(schema) || levels === 0 || --reading.left < 0) return JSON_VALUE;
  if (typeof schema['$ref'] === 'string') {
    const target = resolved(reading.root, schema['$ref']);
    return target === undefined ? JSON_VALUE : read(target, reading, levels - 1);
  }
  if (schema['$dynamicRef'] !== undefined) return JSON_VALUE;
  if (schema['const'] !== undefined) return shapeOf(schema['const']);
  if (Array.isArray(schema['enum']) && schema['enum'].length > 0) {
    return (schema['enum'] as readonly Json[]).map((value) => shapeOf(value)).reduce((a, b) => union(a, b));
  }
  const own = ownShape(schema, reading, levels);
  for (const key of ['anyOf', 'oneOf']) {
    const choices = schema[key];
    if (!Array.isArray(choices) || choices.length === 0) continue;
    const either = (choices as readonly Json[])
      .map((choice) => read(choice, reading, levels - 1))
      .reduce((a, b) => union(a, b));
    // Both hold: what the schema itself says of fields is added to, so only the kinds are narrowed.
    if (own.fields === undefined && own.items === undefined) {
      return { ...either, kinds: either.kinds & own.kinds };
    }
    return { ...own, kinds: either.kinds & own.kinds };
  }
  return own;
}

function ownShape(schema: JsonObject, reading: Reading, levels: number): Shape {
  const kinds = kindsOf(schema['type']);
  const properties = schema['properties'];
  const closed = schema['additionalProperties'] === false && schema['patternProperties'] === undefined;
  let fields: Map<string, Shape> | undefined;
  if (isJsonObject(properties) || closed) {
    const required = Array.isArray(schema['required']) ? (schema['required'] as readonly Json[]) : [];
    fields = new Map();
    for (const [name, inner] of Object.entries(isJsonObject(properties) ? properties : {})) {
      const shape = read(inner, reading, levels - 1);
      const isThere = required.includes(name) || (isJsonObject(inner) && inner['default'] !== undefined);
      fields.set(name, isThere ? shape : { ...shape, kinds: shape.kinds | KIND.nothing });
    }
  }
  const { items } = schema;
  const prefixed = schema['prefixItems'] !== undefined;
  return {
    kinds,
    fields,
    open: !closed,
    items: prefixed || items === undefined ? undefined : read(items, reading, levels - 1),
  };
}

function kindsOf(type: Json | undefined): number {
  const names = typeof type === 'string' ? [type] : Array.isArray(type) ? (type as readonly Json[]) : [];
  const kinds = names.reduce<number>(
    (all, name) => all | (typeof name === 'string' ? (KINDS[name] ?? 0) : 0),
    0,
  );
  return kinds === 0 ? JSON_VALUE.kinds : kinds;
}

/** The schema that a reference within the document leads to. */
export function resolved(root: Json, reference: string): Json | undefined {
  if (reference === '#') return root;
  if (!reference.startsWith('#/')) return undefined;
  let found: Json | undefined = root;
  for (const part of reference.slice(2).split('/')) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(found)) found = (found as readonly Json[])[Number(key)];
    else found = isJsonObject(found) && Object.hasOwn(found, key) ? found[key] : undefined;
  }
  return found;
}
