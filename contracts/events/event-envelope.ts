/**
 * The envelope of an event on its way to or from the bridge: the one codec of producers and bridge.
 *
 * Two forms come in: CloudEvents 1.0 (recognised by `specversion`), and the plain form
 * `{eventId, eventName, tenantId, source, workflow_correlation_key, payload, time}`, which is what Sluice itself
 * puts on the bus. Both give the same `BusEvent`, so what an event does never depends on its form.
 *
 * Invariants
 * - All problems of an envelope are reported at once; one that has any does nothing.
 * - What names an event or a run is well-formed Unicode: the database has UTF-8, in which two lone surrogates are one.
 * - The payload is data: nothing in it reaches a prototype, and nothing that reads it can overflow a stack.
 */
import { z } from 'zod';
import {
  isDeeperThan,
  isJsonObject,
  isWellFormed,
  jsonSize,
  JsonValue,
  type Json,
  type JsonObject,
} from '../json.js';
import { LIMITS } from '../limits.js';
import { TenantId } from '../run/messages.js';

/** Field of an entry of the bus's stream in Redis that holds the envelope, as JSON. */
export const STREAM_FIELD = 'event';

/** The tenant of an event that names none. */
const DEFAULT_TENANT = 'default';
/** The source of an event in the plain form that names none. */
const PLAIN_SOURCE = 'plain';

/** An event as the bridge handles it, whatever form and way it came in. */
export interface BusEvent {
  readonly tenant: string;
  /** With `id` the identity of the event: a second one with both is a duplicate. */
  readonly source: string;
  readonly id: string;
  readonly name: string;
  /** When it happened, as its producer says, ISO 8601; null: not told. */
  readonly time: string | null;
  /** The key that the envelope itself names; null: none. */
  readonly correlationKey: string | number | null;
  readonly payload: Json;
}

/** What a text or a parsed body was read as. */
export type Decoded =
  | { readonly ok: true; readonly event: BusEvent }
  | { readonly ok: false; readonly problems: readonly string[]; readonly tenant: string };

const text = (most: number) =>
  z
    .string('must be text')
    .min(1, 'must not be empty')
    .max(most, `may have at most ${most} characters`)
    .regex(/\S/, 'must not be blank')
    .refine(isWellFormed, 'must be well-formed Unicode');
const key = z
  .union([
    z
      .string()
      .max(LIMITS.correlationKeyCharacters, `may have at most ${LIMITS.correlationKeyCharacters} characters`)
      .refine(isWellFormed, 'must be well-formed Unicode'),
    z.number(),
    z.null(),
  ])
  .optional();
const time = z.iso.datetime({ offset: true, error: 'must be an RFC 3339 time with an offset' }).nullish();
const tenant = TenantId.nullish();

const PlainForm = z.object({
  eventId: text(LIMITS.eventIdCharacters),
  eventName: text(LIMITS.eventNameCharacters),
  tenantId: tenant,
  source: text(LIMITS.eventIdCharacters).nullish(),
  workflow_correlation_key: key,
  payload: JsonValue.optional(),
  time,
});

const JSON_TYPE = /^[^;]*[/+]json\s*(;|$)/i;

const CloudEvent = z.object({
  specversion: z.literal('1.0', 'must be 1.0'),
  id: text(LIMITS.eventIdCharacters),
  source: text(LIMITS.eventIdCharacters),
  type: text(LIMITS.eventNameCharacters),
  tenantid: tenant,
  workflowcorrelationkey: key,
  datacontenttype: z.string().regex(JSON_TYPE, 'must be JSON: application/json').nullish(),
  data_base64: z.undefined('is not taken: send JSON in data').optional(),
  data: JsonValue.optional(),
  time,
});

/**
 * Reads an envelope.
 * @param value parsed JSON
 */
export function decodeEvent(value: unknown): Decoded {
  if (!isJsonObject(value)) return refuse(['the event must be a JSON object'], value);
  // Before any schema: these would overflow the stack of whatever walks the value.
  if (isDeeperThan(value, LIMITS.depth)) {
    return refuse([`the event is nested more than ${LIMITS.depth} levels deep`], value);
  }
  const unsafe = unsafeKeys(value).map((path) => `${path}: a key of this name is refused`);
  const cloud = Object.hasOwn(value, 'specversion');
  const parsed = (cloud ? CloudEvent : PlainForm).safeParse(value);
  const problems = [...unsafe, ...(parsed.success ? [] : problemsOf(parsed.error))];
  if (!parsed.success || problems.length > 0) return refuse(problems, value);
  return { ok: true, event: cloud ? ofCloud(CloudEvent.parse(value)) : ofPlain(PlainForm.parse(value)) };
}

function problemsOf(error: z.ZodError): string[] {
  return error.issues.map(({ path, message }) => `${path.join('.') || 'event'}: ${message}`);
}

function refuse(problems: readonly string[], value: unknown): Decoded {
  const given = isJsonObject(value) ? (value['tenantid'] ?? value['tenantId']) : undefined;
  return { ok: false, problems, tenant: TenantId.safeParse(given).data ?? DEFAULT_TENANT };
}

function ofPlain(form: z.infer<typeof PlainForm>): BusEvent {
  return {
    tenant: form.tenantId ?? DEFAULT_TENANT,
    source: form.source ?? PLAIN_SOURCE,
    id: form.eventId,
    name: form.eventName,
    time: form.time ?? null,
    correlationKey: form.workflow_correlation_key ?? null,
    payload: form.payload ?? null,
  };
}

function ofCloud(event: z.infer<typeof CloudEvent>): BusEvent {
  return {
    tenant: event.tenantid ?? DEFAULT_TENANT,
    source: event.source,
    id: event.id,
    name: event.type,
    time: event.time ?? null,
    correlationKey: event.workflowcorrelationkey ?? null,
    payload: event.data ?? null,
  };
}

/** Paths of keys that name a prototype. `JSON.parse` makes them own properties; what copies them might not. */
function unsafeKeys(root: JsonObject): string[] {
  const found: string[] = [];
  const open: { readonly path: string; readonly value: unknown }[] = [{ path: '', value: root }];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    const { path, value } = node;
    if (typeof value !== 'object' || value === null) continue;
    for (const [name, child] of Object.entries(value)) {
      const at = path === '' ? name : `${path}.${name}`;
      if (name === '__proto__') found.push(at);
      else open.push({ path: at, value: child });
    }
  }
  return found.sort();
}

/** Writes an event as Sluice puts it on the bus: the plain form. */
export function encodeEvent(event: BusEvent): JsonObject {
  return {
    eventId: event.id,
    eventName: event.name,
    tenantId: event.tenant,
    source: event.source,
    ...(event.correlationKey !== null && { workflow_correlation_key: event.correlationKey }),
    payload: event.payload,
    ...(event.time !== null && { time: event.time }),
  };
}

/** Bytes of an event on the bus. */
export function eventBytes(event: BusEvent): number {
  return jsonSize(encodeEvent(event));
}
