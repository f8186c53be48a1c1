/**
 * Reads a regular expression that the JavaScript engine has already accepted (no `u` flag) into a tree.
 *
 * An atom that matches one character keeps its source, and the native engine tests that one character. So
 * classes, escapes and case folding mean exactly what they mean in JavaScript.
 */

import { EngineError } from '../budget/engine-error.js';

export type RegexNode =
  | { readonly kind: 'char'; readonly test: (unit: number) => boolean }
  | { readonly kind: 'sequence'; readonly items: readonly RegexNode[] }
  | { readonly kind: 'choice'; readonly options: readonly RegexNode[] }
  | { readonly kind: 'group'; readonly index: number; readonly body: RegexNode }
  | {
      readonly kind: 'repeat';
      readonly body: RegexNode;
      readonly min: number;
      readonly max: number;
      readonly greedy: boolean;
      /** Capture groups inside, from (inclusive) to (exclusive): each iteration clears them. */
      readonly groups: readonly [number, number];
    }
  | {
      readonly kind: 'look';
      readonly body: RegexNode;
      readonly negative: boolean;
      readonly groups: readonly [number, number];
    }
  | { readonly kind: 'back'; readonly index: number }
  | { readonly kind: 'assert'; readonly what: '^' | '$' | 'b' | 'B' };

export interface RegexTree {
  readonly root: RegexNode;
  /** Number of capture groups, including the whole match. */
  readonly groups: number;
}

const MAX_NESTING = 100;

class Reader {
  private at = 0;
  private nesting = 0;
  private opened = 1;
  private readonly groups: number;
  private readonly names: string[];

  constructor(
    private readonly source: string,
    private readonly ignoreCase: boolean,
  ) {
    // Classes and escapes cannot open a group.
    const opening = source.replace(/\\[^]|\[(?:\\[^]|[^\]\\])*\]/g, '_');
    const found = opening.match(/\((?!\?)|\(\?<(?![=!])/g) ?? [];
    this.groups = found.length + 1;
    this.names = [];
    let index = 1;
    for (const match of opening.matchAll(/\((?!\?)|\(\?<(?![=!])([^>]*)>/g)) {
      if (match[1] !== undefined) this.names[index] = match[1];
      index++;
    }
  }

  read(): RegexTree {
    return { root: this.choice(), groups: this.groups };
  }

  private choice(): RegexNode {
    if (++this.nesting > MAX_NESTING) throw unsupported(`more than ${MAX_NESTING} nested groups`);
    const options = [this.sequence()];
    while (this.source.charAt(this.at) === '|') {
      this.at++;
      options.push(this.sequence());
    }
    this.nesting--;
    return options.length === 1 ? (options[0] as RegexNode) : { kind: 'choice', options };
  }

  private sequence(): RegexNode {
    const items: RegexNode[] = [];
    while (this.at < this.source.length && !'|)'.includes(this.source.charAt(this.at))) {
      const before = this.opened;
      const atom = this.atom();
      items.push(this.quantified(atom, [before, this.opened]));
    }
    return { kind: 'sequence', items };
  }

  private quantified(body: RegexNode, groups: readonly [number, number]): RegexNode {
    const found = /^(?:[*+?]|\{(\d+)(,(\d*))?\})(\??)/.exec(this.source.slice(this.at, this.at + 64));
    if (!found) return body;
    this.at += found[0].length;
    const [all, low, comma, high, lazy] = found;
    const min = low !== undefined ? Number(low) : all.startsWith('+') ? 1 : 0;
    const max =
      low === undefined
        ? all.startsWith('?')
          ? 1
          : Infinity
        : comma === undefined
          ? min
          : high
            ? Number(high)
            : Infinity;
    return { kind: 'repeat', body, min, max, greedy: lazy === '', groups };
  }

  private atom(): RegexNode {
    const { source } = this;
    const char = source.charAt(this.at);
    if (char === '^' || char === '$') {
      this.at++;
      return { kind: 'assert', what: char };
    }
    if (char === '(') return this.group();
    if (char === '[') {
      const end = /^\[(?:\\[^]|[^\]\\])*\]/.exec(source.slice(this.at))?.[0].length ?? 1;
      return this.one(source.slice(this.at, this.at + end));
    }
    if (char === '.') return this.one('.');
    if (char === '\\') return this.escape();
    this.at++;
    return { kind: 'char', test: this.literal(char) };
  }

  private group(): RegexNode {
    const { source } = this;
    const before = this.opened;
    const opening = /^\((?:\?(?:[:=!]|<[=!]|<[^>]*>))?/.exec(source.slice(this.at))?.[0] ?? '(';
    this.at += opening.length;
    if (opening === '(?<=' || opening === '(?<!') throw unsupported('lookbehind');
    const captures = opening === '(' || opening.startsWith('(?<');
    const index = captures ? this.opened++ : 0;
    const body = this.choice();
    this.at++;
    if (captures) return { kind: 'group', index, body };
    if (opening === '(?:') return body;
    return { kind: 'look', negative: opening === '(?!', body, groups: [before, this.opened] };
  }

  private escape(): RegexNode {
    const rest = this.source.slice(this.at, this.at + 64);
    const next = rest.charAt(1);
    if (next === 'b' || next === 'B') {
      this.at += 2;
      return { kind: 'assert', what: next };
    }
    const decimal = /^\\([1-9][0-9]*)/.exec(rest);
    if (decimal && Number(decimal[1]) < this.groups) {
      this.at += decimal[0].length;
      return { kind: 'back', index: Number(decimal[1]) };
    }
    if (next === 'k' && this.names.length > 0) {
      const end = this.source.indexOf('>', this.at);
      const index = this.names.indexOf(this.source.slice(this.at + 3, end));
      this.at = end + 1;
      return { kind: 'back', index };
    }
    // A backslash before `c` without a letter is literal; the `c` is the next atom.
    if (next === 'c' && !/^\\c[a-zA-Z]/.test(rest)) {
      this.at++;
      return { kind: 'char', test: this.literal('\\') };
    }
    const whole =
      /^\\(?:c[a-zA-Z]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[0-3][0-7]{0,2}|[4-7][0-7]?|[^])/.exec(rest)?.[0] ??
      rest;
    return this.one(whole);
  }

  /** An atom that matches one UTF-16 unit, tested natively. */
  private one(atom: string): RegexNode {
    this.at += atom.length;
    const native = new RegExp(`^(?:${atom})$`, this.ignoreCase ? 'i' : '');
    const results = new Map<number, boolean>();
    return {
      kind: 'char',
      test: (unit) => {
        let result = results.get(unit);
        if (result === undefined) {
          result = native.test(String.fromCharCode(unit));
          results.set(unit, result);
        }
        return result;
      },
    };
  }

  private literal(char: string): (unit: number) => boolean {
    const unit = char.charCodeAt(0);
    if (!this.ignoreCase) return (other) => other === unit;
    const folded = canonical(unit);
    return (other) => other === unit || canonical(other) === folded;
  }
}

const unsupported = (what: string) =>
  new EngineError('regex', `the regular expression uses ${what}, which is not supported here`);

/** ECMA-262's Canonicalize without the `u` flag. */
export function canonical(unit: number): number {
  const upper = String.fromCharCode(unit).toUpperCase();
  if (upper.length !== 1) return unit;
  const folded = upper.charCodeAt(0);
  return unit >= 128 && folded < 128 ? unit : folded;
}

/** The tree of a pattern that `new RegExp(source)` accepts. */
export function readRegex(source: string, ignoreCase: boolean): RegexTree {
  return new Reader(source, ignoreCase).read();
}
