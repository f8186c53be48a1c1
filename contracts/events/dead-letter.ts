/**
 * Dead letters: work that could not be done, kept for a person to retry or to dismiss. One table for all
 * kinds.
 *
 * States: OPEN → RETRYING → RETRIED, or back to OPEN where the retry failed; OPEN → DISMISSED. Only an
 * operator's own retention deletes a letter. A withdrawn letter (DISMISSED because its run was reset and is
 * responsible for the work again) is OPEN again where that run ends from outside a second time.
 */
import { z } from 'zod';
import { ActionEnvelope, RunHeader } from '../run/activity.js';
import { CompensationRequest } from '../run/compensation.js';
import { JsonValue } from '../json.js';
import { EventSignal } from '../run/messages.js';

export const DeadLetterKind = z.enum([
  'compensation',
  'event',
  'delivery',
  'outbox',
  'trigger',
  'notification',
]);
export type DeadLetterKind = z.infer<typeof DeadLetterKind>;

export const DeadLetterStatus = z.enum(['OPEN', 'RETRYING', 'RETRIED', 'DISMISSED']);
export type DeadLetterStatus = z.infer<typeof DeadLetterStatus>;

/** A letter to write. */
export interface NewDeadLetter {
  readonly tenant: string;
  /** The same for the same work: writing it twice makes one letter. */
  readonly id: string;
  readonly kind: DeadLetterKind;
  readonly runId?: string | undefined;
  /** The subject, for people: a step, an event's name. */
  readonly subject: string;
  /** Why the work could not be done. */
  readonly reason: string;
  readonly errorCode?: string | undefined;
  /** All that a retry needs, in the shape of `RetryWith[kind]`. Absent: the letter can only be dismissed. */
  readonly retryWith?: unknown;
  /** Raw content, for people. */
  readonly body?: string | undefined;
  /** Epoch ms. */
  readonly at: number;
  /** A letter that was withdrawn opens again; `always`: so does one that was retried or dismissed. */
  readonly reopens?: 'withdrawn' | 'always';
}

/** An entry of a letter's audit: an act, and who did it. */
export const DeadLetterAct = z.object({
  /** ISO instant. */
  at: z.string(),
  actor: z.string(),
  act: z.enum(['retry', 'retried', 'failed', 'dismiss', 'withdraw', 'reopen']),
  note: z.string().nullable(),
});
export type DeadLetterAct = z.infer<typeof DeadLetterAct>;

export const DeadLetterSummary = z.object({
  id: z.string(),
  kind: DeadLetterKind,
  status: DeadLetterStatus,
  runId: z.string().nullable(),
  subject: z.string(),
  reason: z.string(),
  errorCode: z.string().nullable(),
  /** False: the letter can only be dismissed. */
  canRetry: z.boolean(),
  /** ISO instants. */
  createdAt: z.string(),
  resolvedAt: z.string().nullable(),
});
export type DeadLetterSummary = z.infer<typeof DeadLetterSummary>;

export const DeadLetterView = DeadLetterSummary.extend({
  retryWith: JsonValue.nullable(),
  body: z.string().nullable(),
  /** The audit, oldest first. */
  acts: z.array(DeadLetterAct),
});
export type DeadLetterView = z.infer<typeof DeadLetterView>;

/** Selects letters. */
export const DeadLetterFilter = z.object({
  status: DeadLetterStatus.optional(),
  kind: DeadLetterKind.optional(),
  runId: z.string().optional(),
});
export type DeadLetterFilter = z.infer<typeof DeadLetterFilter>;

/** A page of letters. */
export const DeadLetterPage = z.object({
  items: z.array(DeadLetterSummary),
  /** `after` of the next page; null: this is the last page. */
  next: z.string().nullable(),
});
export type DeadLetterPage = z.infer<typeof DeadLetterPage>;

/** True: a person has confirmed that the history of the letter's run is gone. */
const confirmed = { historyGone: z.boolean().optional() };

const letter = { tenant: z.string(), id: z.string().min(1).max(256) };
const byWhom = { actor: z.string().min(1).max(256), note: z.string().max(2_000).optional() };

/** True: marked values are shown. */
const look = { unredacted: z.boolean().optional() };

const ACTS = [
  z.object({
    act: z.literal('list'),
    tenant: z.string(),
    filter: DeadLetterFilter,
    after: z.string().optional(),
    limit: z.number().int().optional(),
    ...look,
  }),
  z.object({ act: z.literal('show'), ...letter, ...look }),
  z.object({ act: z.literal('dismiss'), ...letter, ...byWhom }),
  z.object({ act: z.literal('begin'), ...letter, ...byWhom, ...confirmed, at: z.string().optional() }),
  z.object({
    act: z.literal('end'),
    ...letter,
    ...byWhom,
    at: z.string().optional(),
    /** Absent: the retry succeeded. */
    error: z.string().optional(),
  }),
] as const;

/** Argument of the activity `sluice.deadLetters`: one act. */
export const DeadLetterActivityRequest = z.discriminatedUnion('act', ACTS);
export type DeadLetterActivityRequest = z.infer<typeof DeadLetterActivityRequest>;

/**
 * Argument of the workflow `sluice.deadLetters`. Only the workflow takes `retry`: it calls the activity with
 * `begin`, runs the action, and calls the activity with `end`. It hands every other act to the activity.
 */
export const DeadLetterRequest = z.discriminatedUnion('act', [
  ...ACTS,
  z.object({ act: z.literal('retry'), ...letter, ...byWhom, ...confirmed }),
]);
export type DeadLetterRequest = z.infer<typeof DeadLetterRequest>;

/**
 * What a retry still has to do: run an action, put an envelope on the bus, signal a run, nothing (`done`), or
 * nothing before a bridge has fired the triggers, which ends the retry (`left`).
 */
export const BegunRetry = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('action'),
    action: z.string(),
    input: JsonValue.nullable(),
    envelope: ActionEnvelope,
  }),
  z.object({ kind: z.literal('event'), envelope: JsonValue }),
  z.object({ kind: z.literal('signal'), workflowId: z.string(), signal: EventSignal }),
  z.object({ kind: z.literal('done') }),
  z.object({ kind: z.literal('left') }),
]);
export type BegunRetry = z.infer<typeof BegunRetry>;

/** `retryWith` of a letter of each kind. */
export const RetryWith = {
  compensation: CompensationRequest.extend({ run: RunHeader }),
  /** The envelope as it was received, to be put on the bus again. */
  event: z.object({ envelope: JsonValue }),
  /** The signal that a run could not keep, to be sent to it again. */
  delivery: z.object({ workflowId: z.string(), signal: EventSignal }),
  /** Key of the outbox row, which becomes due again. */
  outbox: z.object({ key: z.array(z.union([z.string(), z.number()])) }),
  /** The event, and the definition whose triggers are to be fired again. */
  trigger: z.object({ source: z.string(), id: z.string(), definition: z.string() }),
} as const;
