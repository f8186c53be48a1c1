/** The data converter of Temporal's SDK with the keys of rings. */
import { fileURLToPath } from 'node:url';
import type { DataConverter } from '@temporalio/common';
import { ClaimCodec } from './claim-codec.js';
import type { KeyRing } from './key-ring.js';
import { EncryptingCodec } from './payload-codec.js';

/** The bundle of the workflows needs this file too, because a workflow makes failures itself. */
export const FAILURE_CONVERTER_PATH = fileURLToPath(new URL('failure-converter.cjs', import.meta.url));

/** A converter that encrypts every payload, and the message and stack of every failure. */
export function encryptingConverter(ring: KeyRing): DataConverter {
  return { failureConverterPath: FAILURE_CONVERTER_PATH, payloadCodecs: [new EncryptingCodec(ring)] };
}

/**
 * A converter that signs what Sluice's doors send (contracts/naming/claims.ts).
 * @param converter encrypts what is signed; undefined: nothing is encrypted
 */
export function claimingConverter(ring: KeyRing, converter: DataConverter = {}): DataConverter {
  return { ...converter, payloadCodecs: [new ClaimCodec(ring), ...(converter.payloadCodecs ?? [])] };
}
