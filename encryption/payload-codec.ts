/**
 * Encrypts the payloads that Temporal stores: arguments, results, signals, updates, memos, details of
 * failures.
 *
 * Invariants
 * - A payload is encrypted whole, with its metadata, under a separate key: the derived key of the ring and 16
 *   random bytes give that key, so the number of payloads under one key of the ring has no practical limit
 *   (the 96-bit nonce of AES-GCM alone would limit it to 2^32, NIST SP 800-38D, 8.3).
 * - Its metadata names the key of the ring, in the form of Temporal's own samples.
 * - A payload that is not encrypted passes through: what was written before the ring was configured, and
 *   what a client without the ring sends, stay readable.
 * - A payload that was changed, or that no key made, decodes to what every reader refuses with a code. One
 *   whose key is not in the ring throws: the operator can add the key, and nothing is decided until then.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';
import { UNDECODABLE } from '../contracts/undecodable.js';
import type { KeyRing } from './key-ring.js';

const ENCODING = 'binary/encrypted';
const CIPHER = 'aes-256-gcm';
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Before the cipher text: the salt of its key, and the nonce. */
const HEAD_BYTES = SALT_BYTES + NONCE_BYTES;

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const PayloadMessage = proto.temporal.api.common.v1.Payload;

/** A codec for the data converter of Temporal's workers and clients. */
export class EncryptingCodec implements PayloadCodec {
  constructor(private readonly ring: KeyRing) {}

  /**
   * The key of the digests by which runs of a tenant are found in Temporal. It goes into the histories of its
   * runs, encrypted as all else, so it tells nothing of other tenants and stays the same over rotations.
   * @returns hexadecimal
   * @throws SluiceError CONFIG_INVALID where the ring has no index key
   */
  searchKey(tenant: string): string {
    return createHmac('sha256', this.ring.index('search')).update(tenant).digest('hex');
  }

  /** @returns each payload encrypted with the current key */
  encode(payloads: Payload[]): Promise<Payload[]> {
    return Promise.resolve(payloads.map((payload) => this.#encrypt(payload)));
  }

  /** @throws SluiceError KEY_UNKNOWN */
  decode(payloads: Payload[]): Promise<Payload[]> {
    // Inside a promise, so that a key that is missing rejects it.
    return Promise.resolve().then(() => payloads.map((payload) => this.#decrypt(payload)));
  }

  #encrypt(payload: Payload): Payload {
    const id = this.ring.current;
    const salt = randomBytes(SALT_BYTES);
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.#keyOf(id, salt), nonce);
    cipher.setAAD(bytes(id));
    const text = [cipher.update(PayloadMessage.encode(payload).finish()), cipher.final()];
    return {
      metadata: {
        encoding: bytes(ENCODING),
        'encryption-cipher': bytes('AES-256-GCM'),
        'encryption-key-id': bytes(id),
      },
      data: new Uint8Array(Buffer.concat([salt, nonce, ...text, cipher.getAuthTag()])),
    };
  }

  #decrypt(payload: Payload): Payload {
    const { metadata, data } = payload;
    if (!isEncrypted(payload)) return payload;
    const id = Buffer.from(metadata?.['encryption-key-id'] ?? []).toString();
    const key = this.ring.key(id, 'payload');
    const all = Buffer.from(data ?? []);
    if (all.length < HEAD_BYTES + TAG_BYTES) return undecodable('it is too short');
    const salt = all.subarray(0, SALT_BYTES);
    const decipher = createDecipheriv(CIPHER, derive(key, salt), all.subarray(SALT_BYTES, HEAD_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(bytes(id));
    decipher.setAuthTag(all.subarray(-TAG_BYTES));
    try {
      const text = Buffer.concat([decipher.update(all.subarray(HEAD_BYTES, -TAG_BYTES)), decipher.final()]);
      return PayloadMessage.decode(text);
    } catch {
      return undecodable('it was changed, or the key named in it did not make it');
    }
  }

  #keyOf(id: string, salt: Buffer): Buffer {
    return derive(this.ring.key(id, 'payload'), salt);
  }
}

/** Whether this codec made a payload. */
function isEncrypted({ metadata }: Payload): boolean {
  return Buffer.from(metadata?.['encoding'] ?? []).toString() === ENCODING;
}

function derive(key: Buffer, salt: Buffer): Buffer {
  return createHmac('sha256', key).update(salt).digest();
}

/** What the payload converter makes of a payload that can't be read (workflows/payload-converter.ts). */
function undecodable(why: string): Payload {
  return {
    metadata: { encoding: bytes('json/plain') },
    data: bytes(JSON.stringify({ [UNDECODABLE]: `An encrypted payload can't be decrypted: ${why}` })),
  };
}
