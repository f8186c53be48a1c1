/** An event that an application publishes. */
import { v7 as uuid } from 'uuid';
import { SluiceError } from '../../contracts/errors.js';
import { encodeEvent, eventBytes, receiveEvent } from '../../contracts/events/event-envelope.js';
import type { Json, JsonObject } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';

export interface EventToPublish {
  readonly eventName: string;
  readonly payload?: Json;
  /** The key that waits compare; without one the bridge may derive it from the payload. */
  readonly correlationKey?: string | number;
  /** Makes a repetition harmless; default: a new one. */
  readonly eventId?: string;
  /** Who publishes. Source and `eventId` together identify the event. Default `sluice-client`. */
  readonly source?: string;
  /** For whom it is published: the bridge records this name if it trusts the client's token. */
  readonly principal?: string;
  /** Default: the client's. */
  readonly tenant?: string;
  /** When it happened, ISO 8601 with an offset. Default: now. */
  readonly time?: string;
}

/**
 * The envelope of an event, after the checks that the bridge will make.
 * @throws SluiceError EVENT_INVALID with every problem, EVENT_TOO_LARGE
 */
export function envelopeOf(
  event: EventToPublish,
  tenant: string,
): { readonly eventId: string; readonly envelope: JsonObject } {
  const eventId = event.eventId ?? uuid();
  const envelope = encodeEvent({
    tenant: event.tenant ?? tenant,
    source: event.source ?? 'sluice-client',
    id: eventId,
    name: event.eventName,
    time: event.time ?? new Date().toISOString(),
    correlationKey: event.correlationKey ?? null,
    payload: event.payload ?? null,
  });
  const decoded = receiveEvent(envelope);
  if (!decoded.ok) {
    throw new SluiceError('EVENT_INVALID', decoded.problems.join('; '), {
      details: { problems: [...decoded.problems] },
    });
  }
  const bytes = eventBytes(decoded.event);
  if (bytes <= LIMITS.eventBytes) return { eventId, envelope };
  throw new SluiceError(
    'EVENT_TOO_LARGE',
    `The event has ${bytes} bytes; the limit is ${LIMITS.eventBytes}.`,
  );
}
