/**
 * A text without its escapes, which remembers where each character came from.
 *
 * Invariant: in any form that a service chose for a character (`\/`, `\u0026`, `%2f`, `&amp;`, `&#x26;`, in
 * either case, one within the other), it is the character itself after enough passes, and a span of the
 * decoded text leads back to the span of the original that holds it.
 */

/** The spans of a text, end exclusive. */
export type Span = readonly [start: number, end: number];

/** JSON within JSON within JSON, in HTML, in a URL; each pass takes one layer off. */
const MOST_PASSES = 6;

const ESCAPE =
  /\\u\{[0-9a-f]{1,6}\}|\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|\\[bfnrt]|\\[^a-z0-9]|(?:%[0-9a-f]{2})+|&#x[0-9a-f]{1,6};?|&#[0-9]{1,7};?|&[a-z]{2,8};/giu;

const CONTROLS: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** The named entities of characters that a secret is likely to have. */
const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
  sol: '/',
  bsol: '\\',
  equals: '=',
  plus: '+',
  num: '#',
  commat: '@',
  dollar: '$',
  percnt: '%',
  lowbar: '_',
  colon: ':',
  semi: ';',
  comma: ',',
  period: '.',
  excl: '!',
  quest: '?',
  lpar: '(',
  rpar: ')',
  lsqb: '[',
  lbrack: '[',
  rsqb: ']',
  rbrack: ']',
  lcub: '{',
  rcub: '}',
  ast: '*',
  verbar: '|',
  vert: '|',
  grave: '`',
  hat: '^',
  tab: '\t',
  newline: '\n',
};

/** A stretch of a decoded text: copied as it was, or one escape's character. */
interface Stretch {
  readonly at: number;
  readonly source: number;
  readonly sourceEnd: number;
  readonly copied: boolean;
}

/** A text at some pass. */
export interface Decoded {
  readonly text: string;
  /** The span of the original text that a span of this one came from. */
  origin(span: Span): Span;
}

const whole = (text: string): Decoded => ({ text, origin: (span) => span });

/** The text, what each pass makes of it until nothing changes, and each of these without line breaks. */
export function decodings(text: string): readonly Decoded[] {
  const found = [whole(text)];
  for (let last = whole(text); found.length <= MOST_PASSES; found.push(last)) {
    const next = /[\\%&]/.test(last.text) ? rewritten(last, escapesOf(last.text)) : undefined;
    if (next === undefined) break;
    last = next;
  }
  const unwrapped = found.flatMap((each) => rewritten(each, lineBreaksOf(each.text)) ?? []);
  return [...found, ...unwrapped];
}

/** What replaces a span. */
type Piece = readonly [text: string, start: number, end: number];

function* escapesOf(text: string): Generator<Piece> {
  for (const match of text.matchAll(ESCAPE)) {
    for (const [character, start, end] of charactersOf(match[0])) {
      yield [character, match.index + start, match.index + end];
    }
  }
}

function* lineBreaksOf(text: string): Generator<Piece> {
  if (!text.includes('\n')) return;
  for (const match of text.matchAll(/\r?\n[\t ]*/g)) yield ['', match.index, match.index + match[0].length];
}

/** The text with the pieces in it; undefined without a piece. */
function rewritten(before: Decoded, pieces: Iterable<Piece>): Decoded | undefined {
  const parts: string[] = [];
  const stretches: Stretch[] = [];
  let at = 0;
  let done = 0;
  const add = (text: string, source: number, sourceEnd: number, copied: boolean): void => {
    if (text === '') return;
    stretches.push({ at, source, sourceEnd, copied });
    parts.push(text);
    at += text.length;
  };
  let changed = false;
  for (const [text, start, end] of pieces) {
    add(before.text.slice(done, start), done, start, true);
    add(text, start, end, false);
    done = end;
    changed = true;
  }
  if (!changed) return undefined;
  add(before.text.slice(done), done, before.text.length, true);
  const back = (position: number, atEnd: boolean): number => {
    const { at: begin, source, sourceEnd, copied } = stretchAt(stretches, position);
    if (copied) return source + position - begin + (atEnd ? 1 : 0);
    return atEnd ? sourceEnd : source;
  };
  return {
    text: parts.join(''),
    origin: ([start, end]) => before.origin([back(start, false), back(end - 1, true)]),
  };
}

function stretchAt(stretches: readonly Stretch[], position: number): Stretch {
  let low = 0;
  let high = stretches.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((stretches[middle] as Stretch).at <= position) low = middle;
    else high = middle - 1;
  }
  return stretches[low] as Stretch;
}

/** The characters of one match of ESCAPE, each with its span in it; what is not an escape is left out. */
function charactersOf(escape: string): readonly Piece[] {
  if (escape.startsWith('%')) return ofPercents(escape);
  const text = escape.startsWith('\\') ? ofBackslash(escape) : ofEntity(escape);
  return text === undefined ? [] : [[text, 0, escape.length]];
}

function ofBackslash(escape: string): string | undefined {
  const rest = escape.slice(1);
  if (rest.length > 2 && /^[ux]/i.test(rest)) return ofCode(rest.replace(/[^0-9a-f]/gi, ''), 16);
  return CONTROLS[rest] ?? (/^[a-z]/i.test(rest) ? undefined : rest);
}

function ofEntity(escape: string): string | undefined {
  const name = escape.replace(/^&|;$/g, '').toLowerCase();
  if (name.startsWith('#x')) return ofCode(name.slice(2), 16);
  return name.startsWith('#') ? ofCode(name.slice(1), 10) : ENTITIES[name];
}

function ofCode(digits: string, base: number): string | undefined {
  const code = Number.parseInt(digits, base);
  return code <= 0x10ffff ? String.fromCodePoint(code) : undefined;
}

/** Bytes as UTF-8; a byte that is not valid in it is a character by itself. */
function ofPercents(escape: string): readonly Piece[] {
  const bytes = Buffer.from(escape.replaceAll('%', ''), 'hex');
  const characters: Piece[] = [];
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at] as number;
    const size = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
    const text = bytes.subarray(at, at + size).toString();
    const valid = !text.includes('\ufffd');
    const length = valid ? Math.min(size, bytes.length - at) : 1;
    characters.push([valid ? text : String.fromCharCode(first), 3 * at, 3 * (at + length)]);
    at += length;
  }
  return characters;
}
