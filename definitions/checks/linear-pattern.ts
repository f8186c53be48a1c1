/**
 * The patterns of JSON Schemas, matched in time that is linear in the text.
 *
 * A pattern is a JavaScript regular expression with the `u` flag. It is rewritten for RE2, whose matching is
 * linear, so that it matches exactly what JavaScript's own engine matches. Look-arounds, back-references and
 * the few properties of characters that RE2 does not know have no such form: JavaScript's engine matches
 * those, and only the time limit of the thread bounds them.
 */
import { RE2JS } from 're2js';

/** What the compiler of schemas needs of a regular expression. */
interface Pattern {
  test(text: string): boolean;
}

/** ECMA-262's white space and line terminators: RE2's own `\s` is ASCII. */
const SPACES =
  '\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}';
const NO_SPACES =
  '\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}';
const ANY = '\\x{0}-\\x{10ffff}';

const ESCAPE =
  /^\\(?:u\{([0-9a-fA-F]+)\}|u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|c([a-zA-Z])|([pP]\{[^}]*\})|([^]))/u;
const CONTROL: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, 0: 0 };
const OPENING = /^\((?:\?(?:[:=!]|<[=!]|<[^>]*>))?/u;
const QUANTIFIER = /^(?:[*+?]|\{\d+(?:,\d*)?\})\??/u;
const CARET = 32;

/**
 * Compiles a pattern; the option `code.regExp` of Ajv.
 * @throws SyntaxError if JavaScript refuses the pattern
 */
export function linearPattern(pattern: string): Pattern {
  // JavaScript decides what a pattern is.
  const native = new RegExp(pattern, 'u');
  const linear = re2Of(pattern);
  if (linear === undefined) return native;
  return { test: (text) => linear.test(text) };
}
/** Ajv asks for it, to write stand-alone code, which Sluice does not. */
linearPattern.code = 'linearPattern';

/** Undefined: the pattern has no linear form. */
function re2Of(pattern: string): RE2JS | undefined {
  const source = translated(pattern);
  if (source === undefined) return undefined;
  try {
    return RE2JS.compile(source);
  } catch {
    // A repetition of more than 1,000 times, or a property that RE2 does not know.
    return undefined;
  }
}

/** The pattern in RE2's syntax; undefined where it has none. */
export function translated(pattern: string): string | undefined {
  let out = '';
  let rest = pattern;
  const take = (length: number): string => {
    const taken = rest.slice(0, length);
    rest = rest.slice(length);
    return taken;
  };
  while (rest !== '') {
    const quantifier = QUANTIFIER.exec(rest)?.[0];
    const char = rest.charAt(0);
    if (quantifier !== undefined) {
      out += take(quantifier.length);
    } else if (char === '(') {
      const opening = OPENING.exec(rest)?.[0] ?? '(';
      if (/[=!]$/.test(opening)) return undefined;
      take(opening.length);
      out += '(?:';
    } else if (char === ')' || char === '|') {
      out += take(1);
    } else if (char === '^' || char === '$') {
      take(1);
      out += char === '^' ? '\\A' : '\\z';
    } else if (char === '.') {
      take(1);
      out += '[^\\n\\r\\x{2028}\\x{2029}]';
    } else if (char === '[') {
      const set = readSet(rest);
      if (set === undefined) return undefined;
      take(set.length);
      out += set.text;
    } else {
      const atom = readAtom(rest);
      if (atom === undefined) return undefined;
      take(atom.length);
      out += atom.outside;
    }
  }
  return out;
}

interface Atom {
  readonly length: number;
  readonly outside: string;
  /** The same in a class; undefined: it can't be in one. */
  readonly inside: string | undefined;
}

/** A character or an escape; undefined where RE2 has nothing like it. */
function readAtom(rest: string): Atom | undefined {
  if (!rest.startsWith('\\')) {
    const point = rest.codePointAt(0) as number;
    return literal(point, point > 0xffff ? 2 : 1);
  }
  const found = ESCAPE.exec(rest);
  if (found === null) return undefined;
  const [{ length }, braced, high, low, unit, byte, control, property, one] = found;
  if (high !== undefined && low !== undefined) {
    return literal(
      String.fromCharCode(parseInt(high, 16), parseInt(low, 16)).codePointAt(0) as number,
      length,
    );
  }
  const hex = braced ?? unit ?? byte;
  if (hex !== undefined) return literal(parseInt(hex, 16), length);
  if (control !== undefined) return literal(control.charCodeAt(0) % CARET, length);
  if (property !== undefined) return { length, outside: `\\${property}`, inside: `\\${property}` };
  return one === undefined ? undefined : escaped(one, length);
}

function escaped(one: string, length: number): Atom | undefined {
  const code = CONTROL[one];
  if (code !== undefined) return literal(code, length);
  if (one === 's') return { length, outside: `[${SPACES}]`, inside: SPACES };
  if (one === 'S') return { length, outside: `[${NO_SPACES}]`, inside: NO_SPACES };
  if (/[dDwW]/.test(one)) return { length, outside: `\\${one}`, inside: `\\${one}` };
  if (one === 'b') return { length, outside: '\\b', inside: '\\x{8}' };
  if (one === 'B') return { length, outside: '\\B', inside: undefined };
  if (/[1-9k]/.test(one)) return undefined;
  return literal(one.codePointAt(0) as number, length);
}

function literal(point: number, length: number): Atom | undefined {
  // Half of a pair: RE2 knows whole characters only.
  if (point >= 0xd800 && point <= 0xdfff) return undefined;
  const text = `\\x{${point.toString(16)}}`;
  return { length, outside: text, inside: text };
}

function readSet(rest: string): { readonly length: number; readonly text: string } | undefined {
  const negative = rest.startsWith('[^');
  let at = negative ? 2 : 1;
  let members = '';
  while (at < rest.length && rest.charAt(at) !== ']') {
    const atom = readAtom(rest.slice(at));
    if (atom?.inside === undefined) return undefined;
    at += atom.length;
    members += atom.inside;
    // A dash after a member makes a range, unless it is the last of the class.
    if (rest.charAt(at) === '-' && rest.charAt(at + 1) !== ']') {
      const end = readAtom(rest.slice(at + 1));
      if (end?.inside === undefined) return undefined;
      at += 1 + end.length;
      members += `-${end.inside}`;
    }
  }
  const length = at + 1;
  if (members === '') return { length, text: negative ? `[${ANY}]` : `[^${ANY}]` };
  return { length, text: `[${negative ? '^' : ''}${members}]` };
}
