/**
 * The places of a value that its JSON Schema (draft 2020-12) marks `writeOnly: true`.
 *
 * Invariant: too much rather than too little. A place is marked if any schema that may apply to it marks it,
 * regardless of which branch of an `anyOf`, `oneOf` or `if` the value matched.
 */
import { isJsonObject, type Json, type JsonObject } from '../../contracts/json.js';

/** Keys from the root of a value. */
export type Place = readonly (string | number)[];

/** Keywords whose schemas apply to the same value. */
const SAME_PLACE = ['allOf', 'anyOf', 'oneOf', 'if', 'then', 'else'] as const;

/**
 * The marked places of a value, each once.
 * @param schema the payloadSchema; its references lead to other places in it
 */
export function markedPlaces(schema: JsonObject, value: Json): readonly Place[] {
  const found = new Map<string, Place>();
  const seen = new Map<JsonObject, Set<string>>();
  const visit = (part: Json | undefined, at: Json, place: Place): void => {
    if (!isJsonObject(part)) return;
    const name = JSON.stringify(place);
    // A schema may refer to itself; it is visited once at each place.
    const places = seen.get(part) ?? new Set();
    if (places.has(name)) return;
    seen.set(part, places.add(name));
    if (part['writeOnly'] === true) {
      found.set(name, place);
      return;
    }
    for (const reference of [part['$ref'], part['$dynamicRef']]) {
      visit(target(schema, reference), at, place);
    }
    for (const key of SAME_PLACE) {
      const inner = part[key];
      const branches = Array.isArray(inner) ? (inner as readonly Json[]) : [inner];
      for (const branch of branches) visit(branch, at, place);
    }
    for (const dependent of valuesOf(part['dependentSchemas'])) visit(dependent, at, place);
    if (Array.isArray(at)) visitItems(part, at as readonly Json[], place);
    else if (isJsonObject(at)) visitProperties(part, at, place);
  };
  const visitItems = (part: JsonObject, items: readonly Json[], place: Place): void => {
    const prefix = part['prefixItems'];
    const first = Array.isArray(prefix) ? (prefix as readonly Json[]) : [];
    for (const [index, item] of items.entries()) {
      const inner = [...place, index];
      visit(index < first.length ? first[index] : part['items'], item, inner);
      visit(part['contains'], item, inner);
      visit(part['unevaluatedItems'], item, inner);
    }
  };
  const visitProperties = (part: JsonObject, object: JsonObject, place: Place): void => {
    const properties = isJsonObject(part['properties']) ? part['properties'] : {};
    const patterns = isJsonObject(part['patternProperties']) ? Object.entries(part['patternProperties']) : [];
    for (const [key, item] of Object.entries(object)) {
      const inner = [...place, key];
      const declared = Object.hasOwn(properties, key);
      if (declared) visit(properties[key], item, inner);
      const matches = patterns.filter(([pattern]) => new RegExp(pattern, 'u').test(key));
      for (const [, match] of matches) visit(match, item, inner);
      if (!declared && matches.length === 0) visit(part['additionalProperties'], item, inner);
      visit(part['unevaluatedProperties'], item, inner);
    }
  };
  visit(schema, value, []);
  return [...found.values()];
}

function valuesOf(value: Json | undefined): readonly Json[] {
  return isJsonObject(value) ? Object.values(value) : [];
}

/** The schema that a reference within the document names, by a JSON Pointer or an anchor. */
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
