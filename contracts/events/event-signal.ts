/**
 * Converts events to and from the payload of the signal `event`. Its names (`eventId`, `eventName`) are
 * public and are in the state that runs carry, so they stay; everything else uses the names of
 * `InboundEvent`.
 */
import type { DeliveredEvent } from '../inbound-event.js';
import { jsonSize } from '../json.js';
import { LIMITS } from '../limits.js';
import type { EventSignal } from '../run/messages.js';

/**
 * The signal that sends a run an event that has just arrived. A payload that the run's buffer cannot hold is
 * left out: it would only fill the run's history, of which Temporal accepts 50 MiB. The run lets such an
 * event stay in its audit row, from which the look-back of a wait that it fits sends it whole.
 * @param runId first execution run id of the run that is meant
 */
export function toArrivalSignal(event: DeliveredEvent, runId: string): EventSignal {
  const signal = toEventSignal(event, runId);
  if (jsonSize(event.payload) <= LIMITS.bufferedBytes) return signal;
  return { ...signal, payload: null, omitted: true };
}

/**
 * The signal that sends an event to a run, whole.
 * @param runId first execution run id of the run that is meant
 */
export function toEventSignal(event: DeliveredEvent, runId: string): EventSignal {
  const { id, source, name, correlationKey, payload, receivedAt, sender } = event;
  return {
    eventId: id,
    source,
    eventName: name,
    correlationKey,
    payload,
    receivedAt,
    runId,
    recorded: true,
    ...(sender !== undefined && { actor: sender }),
  };
}

/**
 * The event of a signal that a run received.
 * @param receivedAt when it was received, ISO instant; a sender need not say so
 */
export function fromEventSignal(signal: EventSignal, receivedAt: string): DeliveredEvent {
  const { eventId, source, eventName, correlationKey, payload } = signal;
  return { id: eventId, source, name: eventName, correlationKey, payload, receivedAt };
}
