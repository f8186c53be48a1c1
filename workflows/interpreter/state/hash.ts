import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

/**
 * Characters of a hash: a list of 32 hashed keys stays far below Temporal's 2,048 bytes for a search
 * attribute.
 */
const HASH_CHARACTERS = 32;

/** A text's SHA-256, hexadecimal. */
export function fullHash(text: string): string {
  return bytesToHex(sha256(utf8ToBytes(text)));
}

/** The first 32 hex digits of a text's HMAC-SHA-256: who lacks the key can't check a guess of the text. */
export function keyedHash(text: string, key: string): string {
  return bytesToHex(hmac(sha256, utf8ToBytes(key), utf8ToBytes(text))).slice(0, HASH_CHARACTERS);
}

/**
 * The first 32 hex digits of a text's SHA-256. Correlation keys are hashed before they become a search
 * attribute: a key may be long, and may reveal more than a visibility store should hold.
 */
export function shortHash(text: string): string {
  return fullHash(text).slice(0, HASH_CHARACTERS);
}
