/**
 * CloudEvents 1.0 in its JSON format: what the specification asks of attributes and data, and Sluice at its
 * doors.
 *
 * Invariant: an event that was accepted stays readable. These rules hold for what arrives; what a bridge has
 * recorded under older rules is decoded without them (`decodeEvent`).
 */
import { isDeeperThan, isWellFormed, type Json, type JsonObject } from '../json.js';
import { LIMITS } from '../limits.js';
import { faultText, jsonFaults } from '../reading/json-faults.js';

/** Members of the JSON format that are not attributes. */
const DATA_MEMBERS = new Set(['data', 'data_base64']);
const ATTRIBUTE_NAME = /^[a-z0-9]+$/;
// The specification keeps control characters out of every text of an attribute.
// eslint-disable-next-line no-control-regex -- they are what it looks for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
/** Attributes that are texts, and not empty where they are given. */
const OPTIONAL_TEXTS = ['subject', 'dataschema'];

/** What the specification refuses of the attributes and the encoded data of an event. */
export function cloudEventProblems(event: JsonObject): string[] {
  const problems = Object.entries(event).flatMap(([name, value]) =>
    DATA_MEMBERS.has(name) ? [] : attributeProblems(name, value),
  );
  const bytes = event['data_base64'] ?? null;
  if (bytes === null) return problems;
  if (event['data'] !== undefined) problems.push('data_base64: is given beside data');
  const data = dataOfBase64(bytes);
  if (data === undefined) return [...problems, 'data_base64: must be base64 of JSON text in UTF-8'];
  // Deeper values overflow the stack of everything that walks them.
  if (isDeeperThan(data, LIMITS.depth)) {
    return [...problems, `data_base64: is nested more than ${LIMITS.depth} levels deep`];
  }
  return [...problems, ...jsonFaults(data).map((fault) => `data_base64: ${faultText(fault)}`)];
}

function attributeProblems(name: string, value: Json): string[] {
  if (!ATTRIBUTE_NAME.test(name)) {
    return [`${name}: an attribute has lower-case letters and digits only in its name`];
  }
  // Null is an attribute that is not set.
  if (value === null) return [];
  // The schema of the envelope has refused it already.
  if (typeof value === 'object') {
    return KNOWN.has(name) ? [] : [`${name}: an attribute must be text, a number or a boolean`];
  }
  if (typeof value === 'string') {
    if (CONTROL.test(value)) return [`${name}: must not have control characters`];
    if (!KNOWN.has(name) && !isWellFormed(value)) return [`${name}: must be well-formed Unicode`];
    return value === '' && OPTIONAL_TEXTS.includes(name) ? [`${name}: must not be empty`] : [];
  }
  return OPTIONAL_TEXTS.includes(name) ? [`${name}: must be text`] : [];
}

/** Attributes that the schema of the envelope checks. */
const KNOWN = new Set([
  'specversion',
  'id',
  'source',
  'type',
  'time',
  'tenantid',
  'workflowcorrelationkey',
  'datacontenttype',
]);

/** The JSON that `data_base64` holds; undefined: it is not base64, not UTF-8 or not JSON. */
export function dataOfBase64(value: unknown): Json | undefined {
  if (
    typeof value !== 'string' ||
    !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value)
  ) {
    return undefined;
  }
  try {
    const bytes = Uint8Array.from(atob(value), (character) => character.charCodeAt(0));
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Json;
  } catch {
    // Not UTF-8, or not JSON.
    return undefined;
  }
}

/** Whether an envelope is meant as a CloudEvent. */
export function isCloudEvent(envelope: JsonObject): boolean {
  return Object.hasOwn(envelope, 'specversion');
}
