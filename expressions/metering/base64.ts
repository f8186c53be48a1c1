/** Base64 of text whose characters are bytes, as in JSONata. The sandbox has no Buffer. */

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const VALUES = new Map<string, number>([...ALPHABET].map((char, value) => [char, value]));
VALUES.set('-', 62).set('_', 63);

/** Encodes the low byte of each UTF-16 unit. */
export function base64encode(text: string): string {
  let out = '';
  for (let i = 0; i < text.length; i += 3) {
    const have = Math.min(3, text.length - i);
    let bits = 0;
    for (let k = 0; k < 3; k++) bits = (bits << 8) | (k < have ? text.charCodeAt(i + k) & 0xff : 0);
    for (let k = 0; k < 4; k++) out += k <= have ? ALPHABET.charAt((bits >> (18 - 6 * k)) & 63) : '=';
  }
  return out;
}

/** Decodes leniently: accepts both alphabets, skips other characters and stops at padding. */
export function base64decode(text: string): string {
  let out = '';
  let bits = 0;
  let count = 0;
  for (const char of text) {
    if (char === '=') break;
    const value = VALUES.get(char);
    if (value === undefined) continue;
    bits = ((bits << 6) | value) & 0xffffff;
    if (++count % 4 !== 1) out += String.fromCharCode((bits >> (6 - 2 * ((count - 1) % 4))) & 0xff);
  }
  return out;
}
