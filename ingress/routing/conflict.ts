/**
 * What is different about a second event under the id of a first one. Identity is (tenant, source, id); a
 * delivery that has the same identity is a repetition only if name, key and payload are the same. The time is
 * not compared: a run that publishes again after a reset says when it did.
 */
import { createHash } from 'node:crypto';
import { SluiceError } from '../../contracts/errors.js';
import { correlate, type CorrelationPaths } from '../../contracts/events/correlation.js';
import type { DecodedEvent } from '../../contracts/events/event-envelope.js';
import type { InboundEvent } from '../../contracts/inbound-event.js';
import { sameJson } from '../../contracts/json.js';
import type { EventConflict, EventVia } from '../../projections/index.js';

/**
 * What is different; empty: a repetition.
 * @param paths of today for both, so that a change of the configuration makes no conflict
 */
export function differences(first: InboundEvent, second: InboundEvent, paths: CorrelationPaths): string[] {
  return [
    ...(first.name === second.name ? [] : ['name']),
    ...(correlate(first, paths).key === correlate(second, paths).key ? [] : ['key']),
    ...(sameJson(first.payload, second.payload) ? [] : ['payload']),
  ];
}

/** The conflict for the audit of the first event. */
export function conflictOf({ envelope }: DecodedEvent, via: EventVia, differs: string[]): EventConflict {
  const digest = createHash('sha256').update(JSON.stringify(envelope)).digest('hex');
  return { at: new Date().toISOString(), via, differs, digest };
}

/** The error for the sender of the second event. */
export function conflictError({ tenant, source, id }: InboundEvent, differs: string[]): SluiceError {
  return new SluiceError(
    'EVENT_CONFLICT',
    `Event "${id}" of "${source}" was accepted before with another ${differs.join(', another ')}`,
    { details: { tenant, source, id, differs } },
  );
}
