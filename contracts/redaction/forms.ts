/** The forms that a hidden value may have in a text that was decoded (decoded.ts). */
import { decodings } from './decoded.js';

/** A shorter value is hidden only where it is the whole text: else every text would be full of holes. */
export const SHORTEST_INSIDE_TEXT = 4;
/** Shorter values are not looked for in other case, in hex or at each alignment of base64. */
const SHORTEST_ENCODED = 8;

/** How the text is prepared before a form is looked for in it. Each keeps the length of the text. */
export type Alphabet = 'plain' | 'spaced' | 'lower' | 'base64';

export interface Form {
  readonly text: string;
  readonly alphabet: Alphabet;
  /** In base64: a character beside the form holds bits of the value. */
  readonly before: boolean;
  readonly after: boolean;
}

/** The text as an alphabet has it. */
export function inAlphabet(text: string, alphabet: Alphabet): string {
  switch (alphabet) {
    case 'plain':
      return text;
    case 'spaced':
      return text.replaceAll('+', ' ');
    case 'lower':
      return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
    case 'base64':
      return text.replaceAll('-', '+').replaceAll('_', '/');
  }
}

/** Every form of a value. */
export function formsOf(value: string): readonly Form[] {
  const forms = new Map<string, Form>();
  const add = (text: string, alphabet: Alphabet, sides = { before: false, after: false }): void => {
    if (text.length < SHORTEST_INSIDE_TEXT) return;
    forms.set(`${alphabet} ${text}`, { text, alphabet, ...sides });
  };
  for (const { text } of decodings(value)) {
    add(text, 'plain');
    if (text.includes(' ')) add(inAlphabet(text, 'spaced'), 'spaced');
    if (text.length >= SHORTEST_ENCODED) add(inAlphabet(text, 'lower'), 'lower');
  }
  if (value.length < SHORTEST_INSIDE_TEXT) return [];
  for (const bytes of bytesOf(value)) {
    add(bytes.toString('base64').replace(/=+$/, ''), 'base64');
    if (bytes.length < SHORTEST_ENCODED) continue;
    add(bytes.toString('hex'), 'lower');
    for (const shift of [0, 1, 2]) {
      const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
      const start = Math.ceil((shift * 8) / 6);
      const end = Math.floor(((shift + bytes.length) * 8) / 6);
      add(text.slice(start, end), 'base64', {
        before: shift > 0,
        after: ((shift + bytes.length) * 8) % 6 !== 0,
      });
    }
  }
  return [...forms.values()];
}

/** What an encoder may be given: the value as UTF-8 or Latin 1, plain, within JSON or percent-encoded. */
function bytesOf(value: string): readonly Buffer[] {
  const texts = [
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(Buffer.from(value).toString()),
  ];
  const found = new Map<string, Buffer>();
  for (const text of texts) {
    for (const bytes of [Buffer.from(text), ...(isLatin(text) ? [Buffer.from(text, 'latin1')] : [])]) {
      found.set(bytes.toString('hex'), bytes);
    }
  }
  return [...found.values()];
}

const isLatin = (text: string): boolean => [...text].every((character) => character.charCodeAt(0) < 256);
