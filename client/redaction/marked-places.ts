/**
 * Where a value is marked `writeOnly: true` by its JSON Schema (draft 2020-12).
 *
 * Invariant: rather too much than too little. A place counts where any schema that may apply to it says so, whichever
 * branch of an `anyOf`, `oneOf` or `if` the value took.
 */
import { isJsonObject, type Json, type JsonObject } from '../../contracts/json.js';

/** Keys from the root of a value. */
export type Place = readonly (string | number)[];

/** Schemas that apply to the value itself. */
const SAME_PLACE = ['allOf', 'anyOf', 'oneOf', 'if', 'then', 'else'] as const;

/**
 * The places, each once.
 * @param schema the payloadSchema; a reference leads to another place in it
 */
export function markedPlaces(schema: JsonObject, value: Json): readonly Place[] {
  const found = new Map<string, Place>();
  const seen = new Map<JsonObject, Set<string>>();
  const visit = (given: Json | undefined, at: Json, place: Place): void => {
    if (!isJsonObject(given)) return;
    const name = JSON.stringify(place);
    // A schema may refer to itself; at each place it is looked at once.
    const places = seen.get(given) ?? new Set();
    if (places.has(name)) return;
    seen.set(given, places.add(name));
    if (given['writeOnly'] === true) {
      found.set(name, place);
      return;
    }
    for (const reference of [given['$ref'], given['$dynamicRef']]) {
      visit(target(schema, reference), at, place);
    }
    for (const key of SAME_PLACE) {
      const inner = given[key];
      for (const one of Array.isArray(inner) ? (inner as readonly Json[]) : [inner]) visit(one, at, place);
    }
    for (const one of valuesOf(given['dependentSchemas'])) visit(one, at, place);
    if (Array.isArray(at)) visitItems(given, at as readonly Json[], place);
    else if (isJsonObject(at)) visitProperties(given, at, place);
  };
  const visitItems = (given: JsonObject, items: readonly Json[], place: Place): void => {
    const prefix = given['prefixItems'];
    const first = Array.isArray(prefix) ? (prefix as readonly Json[]) : [];
    for (const [index, item] of items.entries()) {
      const inner = [...place, index];
      visit(index < first.length ? first[index] : given['items'], item, inner);
      visit(given['contains'], item, inner);
      visit(given['unevaluatedItems'], item, inner);
    }
  };
  const visitProperties = (given: JsonObject, object: JsonObject, place: Place): void => {
    const named = isJsonObject(given['properties']) ? given['properties'] : {};
    const patterns = isJsonObject(given['patternProperties'])
      ? Object.entries(given['patternProperties'])
      : [];
    for (const [key, item] of Object.entries(object)) {
      const inner = [...place, key];
      const own = Object.hasOwn(named, key);
      if (own) visit(named[key], item, inner);
      const fitting = patterns.filter(([pattern]) => new RegExp(pattern, 'u').test(key));
      for (const [, one] of fitting) visit(one, item, inner);
      if (!own && fitting.length === 0) visit(given['additionalProperties'], item, inner);
      visit(given['unevaluatedProperties'], item, inner);
    }
  };
  visit(schema, value, []);
  return [...found.values()];
}

function valuesOf(value: Json | undefined): readonly Json[] {
  return isJsonObject(value) ? Object.values(value) : [];
}

/** What a reference within the document leads to: a JSON Pointer, or an anchor. */
function target(root: JsonObject, reference: Json | undefined): Json | undefined {
  if (typeof reference !== 'string' || !reference.startsWith('#')) return undefined;
  const pointer = decodeURIComponent(reference.slice(1));
  if (pointer !== '' && !pointer.startsWith('/')) return anchored(root, pointer);
  return pointer
    .split('/')
    .slice(1)
    .reduce<Json | undefined>((at, part) => {
      const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
      if (Array.isArray(at)) return (at as readonly Json[])[Number(key)];
      return isJsonObject(at) ? at[key] : undefined;
    }, root);
}

function anchored(value: Json, name: string): Json | undefined {
  if (isJsonObject(value) && (value['$anchor'] === name || value['$dynamicAnchor'] === name)) return value;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const inner of Object.values(value) as readonly Json[]) {
    const found = anchored(inner, name);
    if (found !== undefined) return found;
  }
  return undefined;
}
