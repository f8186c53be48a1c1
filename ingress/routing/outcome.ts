/** How the routing of an event ended: its outcome, its error, and the letters about triggers that failed. */
import type { NewDeadLetter } from '../../contracts/events/dead-letter.js';
import type { InboundEvent } from '../../contracts/inbound-event.js';
import type { Json } from '../../contracts/json.js';
import { triggerLetterId, type EventOutcome } from '../../projections/index.js';
import type { TriggerOutcome } from './triggers.js';

type Correlated = { readonly correlationKey: string | null; readonly tried: readonly string[] };
type Delivered = { readonly status: string; readonly error?: string | null };
type Fired = Pick<TriggerOutcome, 'definition' | 'status' | 'error'>;

const started = ({ status }: Fired): boolean => status === 'STARTED' || status === 'ALREADY_STARTED';

export function outcomeOf(
  { correlationKey }: Correlated,
  deliveries: readonly Delivered[],
  triggers: readonly Fired[],
): EventOutcome {
  if (triggers.some(started) || deliveries.some(({ status }) => status === 'SIGNALED')) return 'ROUTED';
  if (deliveries.length > 0 || triggers.some(({ status }) => status === 'FAILED')) return 'FAILED';
  return correlationKey === null ? 'UNRESOLVED' : 'NO_MATCH';
}

export function errorOf(
  { correlationKey, tried }: Correlated,
  outcome: EventOutcome,
  deliveries: readonly Delivered[],
  triggers: readonly Fired[],
): Json | null {
  const failed = triggers.find(({ status }) => status === 'FAILED')?.error;
  // A trigger needs no key: the missing one is not why it failed.
  if (failed && (outcome === 'FAILED' || correlationKey === null)) {
    return { code: failed.code, message: failed.message };
  }
  if (correlationKey === null) {
    return { code: 'CORRELATION_UNRESOLVED', message: `No key in ${tried.join(', ')}`, tried: [...tried] };
  }
  if (outcome !== 'FAILED') return null;
  const refused = deliveries.find(({ status }) => status === 'FAILED');
  if (refused?.error) return { code: 'INPUT_INVALID', message: refused.error };
  return { code: 'RUN_CLOSED', message: 'Every run that waited has ended' };
}

/** The error of each definition of which a trigger failed and none started a run. */
export function failuresOf(
  triggers: readonly Fired[],
): ReadonlyMap<string, { readonly code: string; readonly message: string }> {
  const failures = new Map<string, { readonly code: string; readonly message: string }>();
  const done = new Set(triggers.filter(started).map(({ definition }) => definition));
  for (const { definition, error } of triggers) {
    if (error !== null && !done.has(definition) && !failures.has(definition)) failures.set(definition, error);
  }
  return failures;
}

/** One letter for each definition whose triggers failed; its retry fires them again. */
export function lettersOf(
  { tenant, source, id, name }: InboundEvent,
  envelope: Json,
  triggers: readonly Fired[],
): readonly NewDeadLetter[] {
  return [...failuresOf(triggers)].map(([definition, { code, message }]) => ({
    tenant,
    id: triggerLetterId(source, id, definition),
    kind: 'trigger',
    subject: `${definition} by ${name}`,
    reason: `${code}: ${message}`,
    errorCode: code,
    body: JSON.stringify(envelope),
    retryWith: { source, id, definition },
    at: Date.now(),
    // An event that retention removed, and that came and failed again.
    reopens: 'always',
  }));
}
