/**
 * An event in code: one set of names from the wire to the interpreter.
 *
 * Other forms exist where their names are public or stored, and each is converted in one place: the envelope
 * (events/event-envelope.ts), the signal `event`, which is also the form in a run's carried state
 * (events/event-signal.ts), and the rows of the database (projections/).
 */
import type { Json } from './json.js';

/** An event as its producer sent it. */
export interface InboundEvent {
  readonly tenant: string;
  /** With `id` the identity of the event: a second one with both is a duplicate. */
  readonly source: string;
  readonly id: string;
  readonly name: string;
  /** When it happened, by its producer's clock, ISO 8601; null: the producer did not say. */
  readonly time: string | null;
  /** The key that the envelope itself names; null: the bridge may derive one. */
  readonly correlationKey: string | number | null;
  readonly payload: Json;
  /** How many runs of the chain that led to it were started by events; absent: none. */
  readonly chain?: number | undefined;
}

/** An event that a bridge has recorded. */
export interface ReceivedEvent extends InboundEvent {
  /** The key that the bridge resolved; null: none could be. */
  readonly correlationKey: string | null;
  /** When the bridge received it, ISO instant. */
  readonly receivedAt: string;
  /** Whose token it came with; absent: it came without one. */
  readonly sender?: string | undefined;
}

/** An event as a run gets it: the tenant is the run's. */
export type DeliveredEvent = Omit<ReceivedEvent, 'tenant' | 'time' | 'chain'>;
