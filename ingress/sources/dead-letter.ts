/** A message of the stream that can't be routed, as a dead letter. */
import { createHash } from 'node:crypto';
import type { NewDeadLetter } from '../../contracts/events/dead-letter.js';
import { STREAM_FIELD } from '../../contracts/events/event-envelope.js';
import type { SluiceError } from '../../contracts/errors.js';
import { isJsonObject, type Json } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';

/** Tenant of letters whose message names none that could be understood. */
const UNKNOWN_TENANT = 'default';

/**
 * @param place where the message stood: stream and id; the same place is the same letter
 * @param fields names and values of the stream entry, as bytes
 */
export function deadLetterOf(place: string, fields: readonly Buffer[], error: SluiceError): NewDeadLetter {
  const given = isJsonObject(error.details) ? error.details['tenant'] : undefined;
  const hash = createHash('sha256').update(place).digest('hex');
  return {
    tenant: typeof given === 'string' ? given : UNKNOWN_TENANT,
    id: `event-${hash.slice(0, 24)}`,
    kind: 'event',
    subject: place,
    reason: `${error.code}: ${error.message}`,
    errorCode: error.code,
    body: bodyOf(fields),
    retryWith: retryOf(fields),
    at: Date.now(),
  };
}

/** The envelope, to be put on the bus again once what refused it is mended; undefined: there is none to be read. */
function retryOf(fields: readonly Buffer[]): { readonly envelope: Json } | undefined {
  const at = fields.findIndex((field, i) => i % 2 === 0 && field.toString() === STREAM_FIELD);
  const text = at < 0 ? undefined : fields[at + 1];
  if (text === undefined || text.length > LIMITS.eventBytes) return undefined;
  try {
    const envelope = JSON.parse(text.toString()) as Json;
    return isJsonObject(envelope) ? { envelope } : undefined;
  } catch {
    // No JSON: that is why it is a dead letter, as its reason says.
    return undefined;
  }
}

/** Names and values in base64, as they came; what is over the limit of an event is cut, and says so. */
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
