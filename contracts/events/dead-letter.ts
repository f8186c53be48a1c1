/**
 * Dead letters: what could not be done, kept for a person to do again or to dismiss. One table for all kinds.
 *
 * States: OPEN → RETRYING → RETRIED, or back to OPEN where the retry failed; OPEN → DISMISSED. A letter is never
 * deleted by anybody but an operator's own retention. One that was withdrawn (DISMISSED because its run was reset and
 * has to answer for it again) is OPEN again where that run ends from outside a second time.
 */
import { z } from 'zod';
import { ActionEnvelope, RunHeader } from '../run/activity.js';
import { CompensationRequest } from '../run/compensation.js';
import { JsonValue } from '../json.js';

export const DeadLetterKind = z.enum(['compensation', 'event', 'outbox', 'notification']);
export type DeadLetterKind = z.infer<typeof DeadLetterKind>;

export const DeadLetterStatus = z.enum(['OPEN', 'RETRYING', 'RETRIED', 'DISMISSED']);
export type DeadLetterStatus = z.infer<typeof DeadLetterStatus>;

/** A letter as its writer hands it over. */
export interface NewDeadLetter {
  readonly tenant: string;
  /** The same for the same thing: writing it twice is one letter. `deadLetterId` makes one. */
  readonly id: string;
  readonly kind: DeadLetterKind;
  readonly runId?: string | undefined;
  /** What it is about, for people: a step, an event's name. */
  readonly subject: string;
  /** Why it could not be done. */
  readonly reason: string;
  readonly errorCode?: string | undefined;
  /** All that a retry needs; its shape is the kind's own. Absent: it can only be dismissed. */
  readonly retryWith?: unknown;
  /** Raw content, for people. */
  readonly body?: string | undefined;
  /** Epoch ms. */
  readonly at: number;
  /** True: where it was withdrawn, it is open again. */
  readonly reopens?: boolean;
}

/** What was done about a letter, by whom. */
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
  /** False: it can only be dismissed. */
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

/** Which letters. */
export const DeadLetterFilter = z.object({
  status: DeadLetterStatus.optional(),
  kind: DeadLetterKind.optional(),
  runId: z.string().optional(),
});
export type DeadLetterFilter = z.infer<typeof DeadLetterFilter>;

/** A page of letters. */
export const DeadLetterPage = z.object({
  items: z.array(DeadLetterSummary),
  /** `after` of the next page; null: there is none. */
  next: z.string().nullable(),
});
export type DeadLetterPage = z.infer<typeof DeadLetterPage>;

const letter = { tenant: z.string(), id: z.string().min(1).max(256) };
const byWhom = { actor: z.string().min(1).max(256), note: z.string().max(2_000).optional() };

/**
 * Argument of the workflow `sluice.deadLetters` and of its activity. `retry` is the workflow's; to the activity it
 * is a `begin`, the action itself, and an `end`.
 */
export const DeadLetterRequest = z.discriminatedUnion('act', [
  z.object({
    act: z.literal('list'),
    tenant: z.string(),
    filter: DeadLetterFilter,
    after: z.string().optional(),
    limit: z.number().int().optional(),
  }),
  z.object({ act: z.literal('show'), ...letter }),
  z.object({ act: z.literal('dismiss'), ...letter, ...byWhom }),
  z.object({ act: z.literal('retry'), ...letter, ...byWhom }),
  z.object({ act: z.literal('begin'), ...letter, ...byWhom, at: z.string().optional() }),
  z.object({
    act: z.literal('end'),
    ...letter,
    ...byWhom,
    at: z.string().optional(),
    /** Absent: it worked. */
    error: z.string().optional(),
  }),
]);
export type DeadLetterRequest = z.infer<typeof DeadLetterRequest>;

/** What a retry that has begun has still to do: run an action, put an envelope on the bus, or nothing more. */
export const BegunRetry = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('action'),
    action: z.string(),
    input: JsonValue.nullable(),
    envelope: ActionEnvelope,
  }),
  z.object({ kind: z.literal('event'), envelope: JsonValue }),
  z.object({ kind: z.literal('done') }),
]);
export type BegunRetry = z.infer<typeof BegunRetry>;

/** `retryWith` of a letter of each kind. */
export const RetryWith = {
  compensation: CompensationRequest.extend({ run: RunHeader }),
  /** The envelope as it came, to be put on the bus again. */
  event: z.object({ envelope: JsonValue }),
  /** Key of the outbox's row, which becomes due again. */
  outbox: z.object({ key: z.array(z.union([z.string(), z.number()])) }),
} as const;
