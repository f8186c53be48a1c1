/**
 * The correlation key of an event, and why it is the key. One function, for the bridge and for tools that
 * explain.
 *
 * Order: explicit (the envelope, then two names in the payload), the configured paths of the event's name,
 * the paths of `*`, none. The event's id is never a key: it names one event, so no run could know it in
 * advance, and a run that waited for it would be resumed by chance.
 */
import { z } from 'zod';
import type { InboundEvent } from '../inbound-event.js';
import { isJsonObject, isWellFormed, type Json } from '../json.js';
import { LIMITS } from '../limits.js';
import { valueAtPath } from './filters.js';

/** Event name, or `*` for every name → dotted paths into the payload; the first that gives a key wins. */
export const CorrelationPaths = z.record(z.string().min(1), z.array(z.string().min(1)));
export type CorrelationPaths = z.infer<typeof CorrelationPaths>;

export interface Correlation {
  /** Null: no place gave a key. */
  readonly key: string | null;
  /** `explicit:WHERE`, `derived:NAME:PATH` (NAME is an event name or `*`), or `none`. */
  readonly resolvedBy: string;
  /** Every place that was tried, in order; the last one gave the key. */
  readonly tried: readonly string[];
}

const IN_PAYLOAD = ['workflowCorrelationKey', 'correlationKey'] as const;

/** Resolves the correlation key of an event. */
export function correlate(
  event: Pick<InboundEvent, 'name' | 'correlationKey' | 'payload'>,
  paths: CorrelationPaths,
): Correlation {
  const payload = isJsonObject(event.payload) ? event.payload : {};
  const inPayload = (name: string): Json | undefined =>
    Object.hasOwn(payload, name) ? payload[name] : undefined;
  const places: { readonly place: string; readonly value: Json | undefined }[] = [
    { place: 'explicit:event.workflow_correlation_key', value: event.correlationKey },
    ...IN_PAYLOAD.map((name) => ({ place: `explicit:payload.${name}`, value: inPayload(name) })),
    ...[event.name, '*'].flatMap((rule) =>
      (Object.hasOwn(paths, rule) ? (paths[rule] ?? []) : []).map((path) => ({
        place: `derived:${rule}:${path}`,
        value: valueAtPath(event.payload, path),
      })),
    ),
  ];
  const tried: string[] = [];
  for (const { place, value } of places) {
    tried.push(place);
    const key = keyOf(value);
    if (key !== undefined) return { key, resolvedBy: place, tried };
  }
  return { key: null, resolvedBy: 'none', tried };
}

/** A value as a key: well-formed text that is not blank, or a finite number as text. */
function keyOf(value: Json | undefined): string | undefined {
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  if (typeof value !== 'string' || value.trim() === '') return undefined;
  return value.length <= LIMITS.correlationKeyCharacters && isWellFormed(value) ? value : undefined;
}
