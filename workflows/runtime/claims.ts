/**
 * Claims inside a workflow (contracts/naming/claims.ts): which values a key has signed for this workflow, as
 * the codec of the worker found outside of the sandbox.
 *
 * Invariant: what a check finds can differ on replay: another worker has another ring, or none. So a run
 * decides by it only where the decision goes into its history: the answer of an activity, or the marker of a
 * refusal. Both are what replay follows.
 */
import { defaultPayloadConverter, RawValue, type Payload } from '@temporalio/common';
import { patched, workflowInfo } from '@temporalio/workflow';
import { CLAIM_METADATA, claimedPayload, type ClaimPurpose } from '../../contracts/naming/claims.js';

/** Values of payloads that a key has signed, by what for. */
const proven = new WeakMap<object, string>();
let checking = false;
/** The metadata of a payload that is JSON. */
const JSON_ENCODING = defaultPayloadConverter.toPayload(0).metadata ?? null;

/** Notes what the codec found about a payload; the payload converter calls it for each one. */
export function noteClaim(payload: Payload, value: unknown): void {
  const data = payload.metadata?.[CLAIM_METADATA.checked];
  if (data === undefined || data === null) return;
  checking = true;
  const purpose: unknown = defaultPayloadConverter.fromPayload({ metadata: JSON_ENCODING, data });
  if (typeof value === 'object' && value !== null && typeof purpose === 'string') proven.set(value, purpose);
}

/** Whether this worker checks claims by now; not the same on replay. */
export function claimsAreChecked(): boolean {
  return checking;
}

/** Whether a key has signed the value for this workflow and one of the purposes; not the same on replay. */
export function isProven(value: unknown, ...purposes: readonly ClaimPurpose[]): boolean {
  const purpose = typeof value === 'object' && value !== null ? proven.get(value) : undefined;
  return purposes.some((one) => one === purpose);
}

/** A value that the codec signs on its way out, for the workflow that gets it. */
export function claimed(value: unknown, purpose: ClaimPurpose): RawValue {
  return RawValue.fromPayload(
    claimedPayload((inner: unknown) => defaultPayloadConverter.toPayload(inner), value, purpose),
  );
}

/** Refusals of what has no claim: each is a marker, which replay follows with any ring. */
export class ClaimGate {
  private asked = 0;

  /** @param name is persisted in histories, with a number behind it, so it never changes */
  constructor(private readonly name: string) {}

  /**
   * Whether this is refused; ask once for each thing, in the order of history.
   * @param holds whether it has the claim that it needs
   */
  refuses(holds: () => boolean): boolean {
    const name = `${this.name}-${++this.asked}`;
    if (workflowInfo().unsafe.isReplaying) return patched(name);
    return checking && !holds() && patched(name);
  }
}
