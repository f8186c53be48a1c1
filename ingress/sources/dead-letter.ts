/** The dead letter of a message of the stream that cannot be routed. */
import { createHash } from 'node:crypto';
import type { NewDeadLetter } from '../../contracts/events/dead-letter.js';
import { STREAM_FIELD } from '../../contracts/events/event-envelope.js';
import type { SluiceError } from '../../contracts/errors.js';
import { isJsonObject, type Json } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import { parseJson } from '../../contracts/reading/parse-json.js';

/** Tenant of letters whose message does not name a valid one. */
const UNKNOWN_TENANT = 'default';
/** Hexadecimal digits of the place's hash in the id of a letter. */
const HASH_DIGITS = 24;

/**
 * Makes the letter.
 * @param place stream and id of the message; the same place is the same letter
 * @param fields names and values of the stream entry, alternating, as bytes
 */
export function deadLetterOf(place: string, fields: readonly Buffer[], error: SluiceError): NewDeadLetter {
  const given = isJsonObject(error.details) ? error.details['tenant'] : undefined;
  const hash = createHash('sha256').update(place).digest('hex');
  return {
    tenant: typeof given === 'string' ? given : UNKNOWN_TENANT,
    id: `event-${hash.slice(0, HASH_DIGITS)}`,
    kind: 'event',
    subject: place,
    reason: `${error.code}: ${error.message}`,
    errorCode: error.code,
    body: bodyOf(fields),
    // An id that belongs to another event does not become free by a retry.
    retryWith: error.code === 'EVENT_CONFLICT' ? undefined : retryOf(fields),
    at: Date.now(),
  };
}

/** The envelope, to be put on the bus again once the cause is fixed; undefined: it cannot be read. */
function retryOf(fields: readonly Buffer[]): { readonly envelope: Json } | undefined {
  const text = envelopeField(fields);
  if (text === undefined || text.length > LIMITS.eventBytes) return undefined;
  try {
    const { value, faults } = parseJson(text.toString());
    // A number that was rounded would be sent on as another number.
    return isJsonObject(value) && faults.length === 0 ? { envelope: value } : undefined;
  } catch {
    // Not JSON, as the reason of the letter says.
    return undefined;
  }
}

/** Names and values in base64, as received; a value over the limit of an event is cut, and `cut` says so. */
function bodyOf(fields: readonly Buffer[]): string {
  const raw = fields.map((field) => field.subarray(0, LIMITS.eventBytes));
  const cut = fields.some((field) => field.length > LIMITS.eventBytes);
  return JSON.stringify({
    encoding: 'base64',
    fields: raw.map((field) => field.toString('base64')),
    bytes: fields.reduce((sum, field) => sum + field.length, 0),
    ...(cut && { cut: true }),
  });
}

/** The bytes of the field that holds the envelope; undefined: the message has none, or several. */
export function envelopeField(fields: readonly Buffer[]): Buffer | undefined {
  const [field, ...others] = envelopeFields(fields);
  return others.length === 0 ? field : undefined;
}

/** The bytes of each field that holds an envelope. */
export function envelopeFields(fields: readonly Buffer[]): readonly Buffer[] {
  return fields.filter((_, i) => i % 2 === 1 && fields[i - 1]?.toString() === STREAM_FIELD);
}
