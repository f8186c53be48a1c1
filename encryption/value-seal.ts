/**
 * Encrypts the values in the database.
 *
 * Invariants
 * - A text has a tag: HMAC-SHA-256 of its scope and itself, 16 bytes, under the index key, which no
 *   rotation changes. The tag gives the text a separate key for AES-256-GCM, so the nonce can be constant,
 *   and the same text in the same scope is the same ciphertext (a synthetic initialisation vector, as in RFC
 *   5297). So a row that is written twice is equal, and the database can compare what it can't read.
 * - A dump shows which values of one scope are equal. Without the index key no guess can be checked.
 * - The text names the key that encrypted it: what was written before a rotation stays readable.
 */
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import type { KeyRing } from './key-ring.js';

const CIPHER = 'aes-256-gcm';
const GCM_TAG_BYTES = 16;
const TAG_BYTES = 16;
/** Constant: no key encrypts two texts. */
const NONCE = Buffer.alloc(12);

/** What `openProjections` takes as its seal. */
export class RingSeal {
  readonly #index: Buffer;
  readonly print: string;

  /** @throws SluiceError CONFIG_INVALID where the ring has no index key */
  constructor(private readonly ring: KeyRing) {
    this.#index = ring.index('database');
    this.print = this.digest('', ['ring']).slice(0, 2 * TAG_BYTES);
  }

  /** @returns `~1:TAG:KEY:DATA` */
  seal(text: string, scope: readonly string[]): string {
    const id = this.ring.current;
    const tag = this.#mac('value', text, scope).subarray(0, TAG_BYTES);
    const cipher = createCipheriv(CIPHER, this.#keyOf(id, tag), NONCE);
    cipher.setAAD(Buffer.from(id));
    const data = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `~1:${tag.toString('base64url')}:${id}:${data.toString('base64url')}`;
  }

  /** @throws SluiceError KEY_UNKNOWN */
  open(text: string): string {
    const [, tag = '', id = '', body = ''] = text.split(':');
    const key = this.#keyOf(id, Buffer.from(tag, 'base64url'));
    const data = Buffer.from(body, 'base64url');
    if (data.length < GCM_TAG_BYTES) return text;
    const decipher = createDecipheriv(CIPHER, key, NONCE, { authTagLength: GCM_TAG_BYTES });
    decipher.setAAD(Buffer.from(id));
    decipher.setAuthTag(data.subarray(-GCM_TAG_BYTES));
    try {
      return decipher.update(data.subarray(0, -GCM_TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
    } catch {
      return text;
    }
  }

  /** @returns a digest as long as the plain one */
  digest(hex: string, scope: readonly string[]): string {
    return this.#mac('digest', hex, scope).toString('hex');
  }

  #mac(purpose: string, text: string, scope: readonly string[]): Buffer {
    return createHmac('sha256', this.#index)
      .update(JSON.stringify([purpose, ...scope]))
      .update('\0')
      .update(text)
      .digest();
  }

  #keyOf(id: string, tag: Buffer): Buffer {
    return createHmac('sha256', this.ring.key(id, 'column')).update(tag).digest();
  }
}
