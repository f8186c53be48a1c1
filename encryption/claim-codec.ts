/**
 * Signs and checks claims (contracts/naming/claims.ts) as a codec of Temporal's data converter: it sees every
 * payload outside of the workflow sandbox, with the id of the workflow that it is for.
 *
 * Invariants
 * - It signs only payloads that ask for it, which only Sluice's own code makes: a value from outside has no
 *   metadata. Without a workflow's id, as at the codec endpoint, it signs nothing.
 * - It removes the mark of a check from every payload that comes in, so a mark inside is its own.
 * - An unknown key, a foreign id, another purpose and changed bytes are one thing: no claim. It never throws,
 *   so that no payload from outside stops a run.
 * - Before `since` it marks nothing: a run then treats what has no claim as if there were no ring.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import {
  canonicalText,
  CLAIM_METADATA,
  type ClaimKeeper,
  type ClaimPlace,
  type ClaimPurpose,
} from '../contracts/naming/claims.js';
import type { KeyRing } from './key-ring.js';

/** Version of the form of a claim. */
const FORM = '1';
/** Temporal appends it to the workflow id of a schedule. */
const TIME_OF_START = /-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/** The context that the SDK gives a codec; `workflowId` is that of the workflow that the payload is for. */
type Context = Parameters<PayloadCodec['encode']>[1];

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A codec that is the keeper of a process's claims. */
export class ClaimCodec implements PayloadCodec, ClaimKeeper {
  constructor(private readonly ring: KeyRing) {}

  get since(): number {
    return this.ring.since;
  }

  get currentKey(): string {
    return this.ring.current;
  }

  encode(payloads: Payload[], context?: Context): Promise<Payload[]> {
    return Promise.resolve(payloads.map((payload) => this.#seal(payload, placeOf(context))));
  }

  decode(payloads: Payload[], context?: Context): Promise<Payload[]> {
    return Promise.resolve(payloads.map((payload) => this.#check(payload, placeOf(context))));
  }

  digest(text: string): string {
    return createHash('sha256').update(text).digest('hex');
  }

  sign(purpose: ClaimPurpose, place: ClaimPlace, text: string): string {
    const id = this.ring.current;
    return [FORM, id, this.#mac(id, [purpose, place, text]).toString('base64url'), purpose].join(' ');
  }

  verify(token: string, purpose: ClaimPurpose, place: ClaimPlace, text: string): boolean {
    const [form, id = '', mac = '', ...rest] = token.split(' ');
    if (form !== FORM || rest.join(' ') !== purpose || !this.ring.has(id)) return false;
    const expected = this.#mac(id, [purpose, place, text]);
    const given = Buffer.from(mac, 'base64url');
    return given.length === expected.length && timingSafeEqual(given, expected);
  }

  #mac(id: string, [purpose, { namespace, workflowId }, text]: readonly [ClaimPurpose, ClaimPlace, string]) {
    const claimed = canonicalText([FORM, purpose, namespace, workflowId, text]);
    return createHmac('sha256', this.ring.key(id, 'claim')).update(claimed).digest();
  }

  #seal(payload: Payload, place: ClaimPlace | undefined): Payload {
    const { [CLAIM_METADATA.wanted]: wanted, ...metadata } = payload.metadata ?? {};
    if (wanted === undefined) return payload;
    if (place === undefined) return { ...payload, metadata };
    const purpose = JSON.parse(Buffer.from(wanted).toString()) as ClaimPurpose;
    const claim = bytes(this.sign(purpose, place, this.#textOf(payload)));
    return { ...payload, metadata: { ...metadata, [CLAIM_METADATA.claim]: claim } };
  }

  #check(payload: Payload, place: ClaimPlace | undefined): Payload {
    const metadata = { ...payload.metadata };
    Reflect.deleteProperty(metadata, CLAIM_METADATA.checked);
    if (place === undefined) return { ...payload, metadata };
    const purpose = this.#provenPurpose(payload, place);
    if (purpose === undefined && Date.now() < this.since) return { ...payload, metadata };
    const checked = bytes(JSON.stringify(purpose ?? ''));
    return { ...payload, metadata: { ...metadata, [CLAIM_METADATA.checked]: checked } };
  }

  #provenPurpose(payload: Payload, place: ClaimPlace): ClaimPurpose | undefined {
    const claim = payload.metadata?.[CLAIM_METADATA.claim];
    if (claim === undefined || claim === null) return undefined;
    const token = Buffer.from(claim).toString();
    const purpose = token.split(' ').slice(3).join(' ') as ClaimPurpose;
    const { workflowId } = place;
    // The claim of a schedule names the id before the time of each start.
    const id = purpose === 'schedule' ? workflowId.replace(TIME_OF_START, '') : workflowId;
    const proven = this.verify(token, purpose, { ...place, workflowId: id }, this.#textOf(payload));
    return proven ? purpose : undefined;
  }

  #textOf({ metadata, data }: Payload): string {
    const encoding = Buffer.from(metadata?.['encoding'] ?? []).toString();
    return `${encoding} ${createHash('sha256')
      .update(data ?? new Uint8Array())
      .digest('hex')}`;
  }
}

function placeOf(context: Context): ClaimPlace | undefined {
  if (context?.type !== 'workflow') return undefined;
  return { namespace: context.namespace, workflowId: context.workflowId };
}
