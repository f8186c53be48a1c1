/**
 * The envelope of an event on its way to or from the bridge: the one codec of producers and bridge.
 *
 * The bridge accepts two forms: CloudEvents 1.0 (recognised by `specversion`), and the plain form `{eventId,
 * eventName, tenantId, source, workflow_correlation_key, payload, time}`, which Sluice itself puts on the
 * bus. Both decode to the same `InboundEvent`, so the effect of an event never depends on its form.
 *
 * Invariants
 * - All problems of an envelope are reported at once; an envelope with a problem has no effect.
 * - Names of events and runs are well-formed Unicode: the database stores UTF-8, in which two different lone
 *   surrogates would become the same text.
 * - The payload is data: nothing in it reaches a prototype, and nothing that reads it can overflow a stack.
 * - Only Sluice's own relay sets `sluice_chain`: the doors for senders take it away (`withoutChain`), so that
 *   the event of one sender stops no other. A value that cannot be read counts as none.
 * - No number of an envelope that arrives was rounded (json-faults.ts): an event finds its run by what the
 *   sender wrote.
 */
import { z } from 'zod';
import type { InboundEvent } from '../inbound-event.js';
import { isDeeperThan, isJsonObject, isWellFormed, jsonSize, JsonValue, type JsonObject } from '../json.js';
import { LIMITS } from '../limits.js';
import { faultText, jsonFaults } from '../reading/json-faults.js';
import { TenantId } from '../run/messages.js';
import { cloudEventProblems, dataOfBase64, isCloudEvent } from './cloud-event.js';

/** Field of an entry of the bus's stream in Redis that holds the envelope, as JSON. */
export const STREAM_FIELD = 'event';

/** The tenant of an event that names none. */
const DEFAULT_TENANT = 'default';
/** The source of an event in the plain form that names none. */
const PLAIN_SOURCE = 'plain';
/** The longest chain that an envelope can tell of. */
const MOST_CHAIN = 1_000_000;

/** An event with the envelope that it was decoded from. The audit keeps the envelope as it was received. */
export interface DecodedEvent {
  readonly event: InboundEvent;
  readonly envelope: JsonObject;
  /** Whose token it came with; absent: it came without one. */
  readonly sender?: string | undefined;
}

/** The result of decoding an envelope. */
export type Decoded =
  | ({ readonly ok: true } & DecodedEvent)
  | {
      readonly ok: false;
      readonly problems: readonly string[];
      /** The tenant that the envelope names, as far as it can be read. */
      readonly tenant: string;
    };

/** Dead letters hold this text: it stays as it is. */
const atMost = (characters: number): string => `must have at most ${characters} characters`;
const text = (most: number) =>
  z
    .string('must be text')
    .min(1, 'must not be empty')
    .max(most, atMost(most))
    .regex(/\S/, 'must not be blank')
    .refine(isWellFormed, 'must be well-formed Unicode');
const key = z
  .union([
    z
      .string()
      .max(LIMITS.correlationKeyCharacters, atMost(LIMITS.correlationKeyCharacters))
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
  sluice_chain: z.number().int().positive().max(MOST_CHAIN).optional().catch(undefined),
  time,
});
type PlainForm = z.infer<typeof PlainForm>;

const JSON_TYPE = /^[^;]*[/+]json\s*(;|$)/i;

const CloudEvent = z.object({
  specversion: z.literal('1.0', 'must be 1.0'),
  id: text(LIMITS.eventIdCharacters),
  source: text(LIMITS.eventIdCharacters),
  type: text(LIMITS.eventNameCharacters),
  tenantid: tenant,
  workflowcorrelationkey: key,
  datacontenttype: z.string().regex(JSON_TYPE, 'must be JSON: application/json').nullish(),
  data_base64: z.string('must be text').nullish(),
  data: JsonValue.optional(),
  time,
});
type CloudEvent = z.infer<typeof CloudEvent>;

/**
 * Decodes an envelope that was recorded: the rules of the doors may be younger than it is.
 * @param value parsed JSON
 */
export function decodeEvent(value: unknown): Decoded {
  return decode(value, () => []);
}

/**
 * Decodes an envelope that arrives.
 * @param value parsed JSON
 */
export function receiveEvent(value: unknown): Decoded {
  return decode(value, (envelope) => [
    ...jsonFaults(envelope)
      .map((fault) => faultText(fault))
      .sort(),
    ...(isCloudEvent(envelope) ? cloudEventProblems(envelope) : []),
  ]);
}

function decode(value: unknown, refusals: (envelope: JsonObject) => readonly string[]): Decoded {
  if (!isJsonObject(value)) return refuse(['the event must be a JSON object'], value);
  // Before any schema: deeper values overflow the stack of everything that walks them.
  if (isDeeperThan(value, LIMITS.depth)) {
    return refuse([`the event is nested more than ${LIMITS.depth} levels deep`], value);
  }
  const refused = refusals(value);
  const cloud = isCloudEvent(value);
  const parsed = (cloud ? CloudEvent : PlainForm).safeParse(value);
  const problems = [...(parsed.success ? [] : problemsOf(parsed.error)), ...refused];
  if (!parsed.success || problems.length > 0) return refuse(problems, value);
  const event = cloud ? fromCloudEvent(parsed.data as CloudEvent) : fromPlainForm(parsed.data as PlainForm);
  return { ok: true, event, envelope: value };
}

function problemsOf(error: z.ZodError): string[] {
  return error.issues.map(({ path, message }) => `${path.join('.') || 'event'}: ${message}`);
}

function refuse(problems: readonly string[], value: unknown): Decoded {
  const given = isJsonObject(value) ? (value['tenantid'] ?? value['tenantId']) : undefined;
  return { ok: false, problems, tenant: TenantId.safeParse(given).data ?? DEFAULT_TENANT };
}

function fromPlainForm(form: PlainForm): InboundEvent {
  return {
    tenant: form.tenantId ?? DEFAULT_TENANT,
    source: form.source ?? PLAIN_SOURCE,
    id: form.eventId,
    name: form.eventName,
    time: form.time ?? null,
    correlationKey: form.workflow_correlation_key ?? null,
    payload: form.payload ?? null,
    ...(form.sluice_chain !== undefined && { chain: form.sluice_chain }),
  };
}

function fromCloudEvent(event: CloudEvent): InboundEvent {
  return {
    tenant: event.tenantid ?? DEFAULT_TENANT,
    source: event.source,
    id: event.id,
    name: event.type,
    time: event.time ?? null,
    correlationKey: event.workflowcorrelationkey ?? null,
    payload: event.data ?? dataOfBase64(event.data_base64) ?? null,
  };
}

/** Encodes an event in the plain form, in which Sluice puts it on the bus. */
export function encodeEvent(event: InboundEvent): JsonObject {
  return {
    eventId: event.id,
    eventName: event.name,
    tenantId: event.tenant,
    source: event.source,
    ...(event.correlationKey !== null && { workflow_correlation_key: event.correlationKey }),
    payload: event.payload,
    ...(event.chain !== undefined && { sluice_chain: event.chain }),
    ...(event.time !== null && { time: event.time }),
  };
}

/** The envelope of a sender that is not the relay, without what only the relay may say. */
export function withoutChain(envelope: unknown): unknown {
  if (!isJsonObject(envelope) || !Object.hasOwn(envelope, 'sluice_chain')) return envelope;
  return Object.fromEntries(Object.entries(envelope).filter(([name]) => name !== 'sluice_chain'));
}

/** Size of an event on the bus, bytes. */
export function eventBytes(event: InboundEvent): number {
  return jsonSize(encodeEvent(event));
}
