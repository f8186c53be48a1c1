/**
 * What expressions see of an event as `event`: in a trigger before a run exists, and in a run after a wait.
 */
import type { DeliveredEvent } from '../inbound-event.js';
import type { JsonObject } from '../json.js';

/** The value of the name `event` in an evaluation scope. */
export function eventScope(event: DeliveredEvent): JsonObject {
  const { id, source, name, correlationKey, payload, receivedAt } = event;
  return { id, source, name, correlationKey, payload, receivedAt };
}
