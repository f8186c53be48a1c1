/**
 * How a carrier says which events of signals it committed, and that a worker answers and no person.
 *
 * Why: where a workflow task failed or timed out, the server writes signals that arrive during the next try
 * in front of that try. The worker had not seen them; a replay sees them. So a replay may attach more events
 * to a carrier than the carrier got (seen with runs that get over 100 signals in their first workflow task).
 * What the carrier committed is therefore read from its result, which is in history.
 */
import type { RunEvent } from './run-events.js';

/** Hex digits of a print: two events of one carrier with equal prints are the same signal's, or unlikely. */
export const PRINT_CHARACTERS = 8;

const OF_SIGNALS: ReadonlySet<string> = new Set(['EVENT_RECEIVED', 'EVENT_DROPPED', 'SIGNAL_REJECTED']);

/** The print of an event that a signal caused; undefined: no signal caused it. */
export function signalPrint({ type, data }: RunEvent): string | undefined {
  if (!OF_SIGNALS.has(type)) return undefined;
  const { eventId, source, reason, signal } = data as Record<string, unknown>;
  const text = JSON.stringify([type, eventId ?? null, source ?? null, reason ?? null, signal ?? null]);
  return fnv1a(text).toString(16).padStart(PRINT_CHARACTERS, '0');
}

/** The prints of those events that signals caused, in order, as one text; empty: none. */
export function signalPrints(events: readonly RunEvent[]): string {
  return events.map((event) => signalPrint(event) ?? '').join('');
}

/**
 * The seal of a result: a worker that ran the attempt puts it there. What a person completes an activity with
 * has none, or that of another attempt, from which it was copied.
 */
export function sealOf({ idempotencyKey, step }: SealedAttempt): string {
  const text = JSON.stringify([idempotencyKey, step.path, step.iteration, step.attempt]);
  return fnv1a(text).toString(16).padStart(PRINT_CHARACTERS, '0');
}

interface SealedAttempt {
  readonly idempotencyKey: string;
  readonly step: {
    readonly path: string;
    readonly iteration: readonly number[];
    readonly attempt: number;
  };
}

/** FNV-1a, 32 bits, of UTF-16 code units: it tells events and attempts apart, and protects nothing. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
