/**
 * Signed claims: who a start, a signal or a rewind is by, proved by a key that only Sluice's processes have.
 *
 * How it works. Whoever makes such a message wraps the payload that needs a proof (`claimedPayload`), and
 * names a purpose. The codec of a process with a ring of claim keys (encryption/claim-codec.ts) replaces that
 * wish by a signature. Workflow code holds no key: the codec of its worker works outside the sandbox, on what
 * goes out and on what comes in. A signature binds namespace, workflow id, purpose and the bytes of the
 * payload. That of a start's claim is a digest of its type, its payload and its memo.
 *
 * Why not as headers: the SDK passes them by the codec. Why not as a further argument: workers of an older
 * release refuse one.
 *
 * Invariant (only-sluice-names-a-tenant): see docs/invariants.md.
 */
import { z } from 'zod';
import type { Json } from '../json.js';
import { StartMemo } from '../run/messages.js';

/** The memo key of a claim; persisted. */
export const CLAIM_MEMO = 'sluiceClaim';

/**
 * Metadata of payloads. `wanted`: sign this. `claim`: the signature, which Temporal stores. `checked`: what
 * the codec of this process found; it removes what came under this name.
 */
export const CLAIM_METADATA = {
  wanted: 'sluice-claim-wanted',
  claim: 'sluice-claim',
  checked: 'sluice-claim-checked',
} as const;

/** What a claim is for: one for another purpose proves nothing. */
export type ClaimPurpose = 'start' | 'schedule' | 'system' | 'rewind' | `signal ${string}`;

/** The payload of the claim of a start. */
export const StartClaim = z.object({
  /** The workflow type. */
  type: z.string(),
  /** SHA-256 of `startText`, hexadecimal. */
  digest: z.string(),
});
export type StartClaim = z.infer<typeof StartClaim>;

/** Where a claim holds. */
export interface ClaimPlace {
  readonly namespace: string;
  readonly workflowId: string;
}

/** What signs and checks claims, in a process that has a ring of claim keys. */
export interface ClaimKeeper {
  /** From when on what has no claim is refused, epoch ms. */
  readonly since: number;
  /** The id of the key that signs. */
  readonly currentKey: string;
  digest(text: string): string;
  sign(purpose: ClaimPurpose, place: ClaimPlace, text: string): string;
  verify(token: string, purpose: ClaimPurpose, place: ClaimPlace, text: string): boolean;
}

/** The keeper among the codecs of a data converter; undefined: the process has no ring of claim keys. */
export function claimKeeperOf(codecs: readonly object[] | undefined): ClaimKeeper | undefined {
  return codecs?.find((codec): codec is ClaimKeeper => 'currentKey' in codec && 'verify' in codec);
}

interface PayloadLike {
  metadata?: Record<string, Uint8Array> | null;
  data?: Uint8Array | null;
}

/**
 * A value as a payload that the codec signs. Without a ring, its wish for a signature stays in its metadata,
 * which no one reads.
 * @param toPayload of Temporal's default converter
 */
export function claimedPayload<P extends PayloadLike>(
  toPayload: (value: unknown) => P,
  value: unknown,
  purpose: ClaimPurpose,
): P {
  const payload = toPayload(value);
  const wanted = toPayload(purpose).data ?? new Uint8Array();
  return { ...payload, metadata: { ...payload.metadata, [CLAIM_METADATA.wanted]: wanted } };
}

/** Whether a start names a tenant, an actor or a cause; else it is `temporal-client` of tenant `default`. */
export function namesSomeone(start: StartMemo): boolean {
  const unnamed = StartMemo.parse({});
  const { tenant, actor, trigger, parent, root, rerunOf } = start;
  if (tenant !== unnamed.tenant || actor !== unnamed.actor) return true;
  return [trigger, parent, root, rerunOf].some((named) => named !== undefined);
}

/**
 * What the digest of a start is made of.
 * @param memo a StartMemo, with or without its defaults
 */
export function startText(type: string, memo: unknown, payload: unknown): string {
  return canonicalText([type, StartMemo.parse(memo), payload === undefined ? {} : payload]);
}

/** What the digest of a call of a system workflow is made of. */
export function systemText(type: string, request: unknown): string {
  return canonicalText([type, request]);
}

/** A JSON value as text that does not depend on the order of keys; what JSON drops is dropped. */
export function canonicalText(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    const entries = Object.entries(inner as Record<string, Json>);
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
