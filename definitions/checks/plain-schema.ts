/**
 * Which checks are known to be short before they begin, so that they need no thread.
 *
 * Invariant: of a plain schema, each keyword is asked at most once for each value of the payload, and costs
 * no more than the length of both. So the product of their lengths bounds the time and the memory. That is
 * why a plain schema has no reference, no pattern, no comparison of items with each other, and no default
 * that is itself large.
 */
import { isJsonObject, type Json, type JsonObject } from '../../contracts/json.js';

/** Characters of a schema times characters of a payload. */
const MOST_WORK = 2 * 1024 * 1024;
const MOST_SCHEMA = 8 * 1024;
/** Characters of a definition that is read without a thread. */
const MOST_DOCUMENT = 16 * 1024;

const VALUES = new Set([
  ...['$schema', '$comment', 'title', 'description', 'examples', 'deprecated', 'readOnly', 'writeOnly'],
  ...['type', 'enum', 'const', 'required', 'dependentRequired', 'minContains', 'maxContains'],
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  ...['minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties'],
]);
const SCHEMAS = new Set([
  ...['items', 'contains', 'additionalProperties', 'propertyNames', 'not', 'if', 'then', 'else'],
]);
const LISTS = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems']);
const MAPS = new Set(['properties', 'dependentSchemas', '$defs']);
const FORMATS: readonly Json[] = ['date-time', 'date', 'time', 'duration', 'uuid', 'email', 'ipv4'];

/** Whether a payload is checked at once within the bound. */
export function isShortCheck(schema: JsonObject, payload: Json): boolean {
  const length = JSON.stringify(schema).length;
  if (length > MOST_SCHEMA || !isPlain(schema)) return false;
  return length * JSON.stringify(payload).length <= MOST_WORK;
}

/**
 * Whether a document is read at once within the bound. A backslash may hide a word of the list, and what a
 * reference or a pattern compiles to can be much longer than its text.
 */
export function isShortDocument(text: string): boolean {
  return text.length <= MOST_DOCUMENT && !/\\|\$\w*[rR]ef|pattern/.test(text);
}

function isPlain(schema: Json): boolean {
  if (typeof schema === 'boolean') return true;
  if (!isJsonObject(schema)) return false;
  return Object.entries(schema).every(([key, value]) => {
    if (VALUES.has(key)) return true;
    if (SCHEMAS.has(key)) return isPlain(value);
    if (LISTS.has(key)) return Array.isArray(value) && (value as readonly Json[]).every(isPlain);
    if (MAPS.has(key)) return isJsonObject(value) && Object.values(value).every(isPlain);
    if (key === 'format') return FORMATS.includes(value);
    return key === 'default' && isSmall(value);
  });
}

/** A default that adds one value: what is put into it is counted where its own schema is. */
function isSmall(value: Json): boolean {
  return typeof value !== 'object' || value === null || Object.keys(value).length === 0;
}
