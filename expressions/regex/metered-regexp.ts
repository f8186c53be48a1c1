/**
 * Regular expressions whose work is counted. The native engine backtracks without a bound and cannot be
 * stopped. This one finds the same matches and charges each step to the budget. It uses the native engine if
 * that provably has little to do; this depends only on the pattern and the length of the text, so the charge
 * is the same on every machine.
 */
import { compileRegex } from './program.js';
import type { Program } from './program.js';
import { canonical, readRegex } from './syntax.js';

/** The budget that a regular expression spends. */
interface Spender {
  left: number;
  over(): never;
  spend(units: number): void;
}

/** Native work up to this cost is not counted step by step. */
const NATIVE = 20_000;
/** Open alternatives at once; bounds memory. */
const MAX_OPEN = 1_000_000;
/** Matcher steps per unit of work. */
const STEPS_PER_UNIT = 2;

const isWord = (unit: number): boolean =>
  (unit >= 48 && unit <= 57) || (unit >= 65 && unit <= 90) || unit === 95 || (unit >= 97 && unit <= 122);
const isLineEnd = (unit: number): boolean => unit === 10 || unit === 13 || unit === 0x2028 || unit === 0x2029;

export type RegexMatch = (string | undefined)[] & { index: number };

/** Replaces `RegExp` inside the engine: `exec`, `test`, `lastIndex` and `source`, without the `u` flag. */
export class MeteredRegExp {
  readonly source: string;
  readonly flags: string;
  lastIndex = 0;
  private readonly native: RegExp;
  private compiled: Program | undefined;

  /** @throws SyntaxError for an invalid pattern; EngineError on first use for lookbehind */
  constructor(
    private readonly meter: Spender,
    pattern: string | MeteredRegExp,
    flags = pattern instanceof MeteredRegExp ? pattern.flags : '',
  ) {
    if (pattern instanceof MeteredRegExp) {
      this.source = pattern.source;
      this.native = pattern.native;
      this.compiled = pattern.program;
    } else {
      this.source = pattern;
      this.native = new RegExp(pattern, flags);
    }
    this.flags = flags;
  }

  private get program(): Program {
    this.compiled ??= compileRegex(readRegex(this.source, this.flags.includes('i')));
    return this.compiled;
  }

  /** Compiles the pattern now instead of at the first match. */
  prepare(): void {
    void this.program;
  }

  test(text: string): boolean {
    return this.exec(text) !== null;
  }

  /** As `RegExp.prototype.exec`. */
  exec(text: string): RegexMatch | null {
    const global = this.flags.includes('g');
    const from = global ? this.lastIndex : 0;
    const cost = this.program.nativeCost(text.length);
    let match: RegexMatch | null;
    if (cost <= NATIVE) {
      this.meter.spend(1 + (text.length >> 2));
      this.native.lastIndex = from;
      match = this.native.exec(text);
    } else {
      match = this.search(text, from);
    }
    if (global) this.lastIndex = match ? match.index + (match[0] as string).length : 0;
    return match;
  }

  private search(text: string, from: number): RegexMatch | null {
    const run = new Run(this.program, text, this.flags, this.meter);
    for (let start = from; start <= text.length; start++) {
      const end = run.from(start);
      if (end < 0) continue;
      const match = [text.slice(start, end)] as unknown as RegexMatch;
      for (let group = 1; group < this.program.groups; group++) match.push(run.captured(group));
      match.index = start;
      run.settle();
      return match;
    }
    run.settle();
    return null;
  }
}

/** One search through one text. */
class Run {
  private readonly slots: Int32Array;
  private readonly ignoreCase: boolean;
  private readonly multiline: boolean;
  private steps = 0;
  private readonly allowed: number;
  /** Slots written since the search began at this position, and their former values, for backtracking. */
  private trail: number[] = [];

  constructor(
    private readonly program: Program,
    private readonly text: string,
    flags: string,
    private readonly meter: Spender,
  ) {
    this.slots = new Int32Array(program.slots);
    this.ignoreCase = flags.includes('i');
    this.multiline = flags.includes('m');
    this.allowed = meter.left * STEPS_PER_UNIT;
  }

  /** Charges the steps of the search. */
  settle(): void {
    this.meter.spend(Math.ceil(this.steps / STEPS_PER_UNIT));
  }

  /** End of the match that begins at `start`; -1 without a match. */
  from(start: number): number {
    this.slots.fill(-1);
    this.trail = [];
    return this.run(0, start);
  }

  captured(group: number): string | undefined {
    const start = this.slots[group * 2] as number;
    const end = this.slots[group * 2 + 1] as number;
    return start < 0 || end < 0 ? undefined : this.text.slice(start, end);
  }

  private write(slot: number, value: number): void {
    this.trail.push(slot, this.slots[slot] as number);
    this.slots[slot] = value;
  }

  private backtrack(length: number): void {
    while (this.trail.length > length) {
      const value = this.trail.pop() as number;
      this.slots[this.trail.pop() as number] = value;
    }
  }

  private run(begin: number, start: number): number {
    const { code } = this.program;
    const { text } = this;
    const open: number[] = [];
    let at = begin;
    let pos = start;
    for (;;) {
      if (++this.steps > this.allowed || open.length > MAX_OPEN || this.trail.length > MAX_OPEN) {
        this.exhausted();
      }
      const step = code[at] as Program['code'][number];
      let ok = true;
      switch (step.op) {
        case 'char':
          ok = pos < text.length && step.test(text.charCodeAt(pos));
          if (ok) pos++;
          break;
        case 'split':
          open.push(step.second, pos, this.trail.length);
          at = step.first;
          continue;
        case 'jump':
          at = step.to;
          continue;
        case 'save':
          this.write(step.slot, pos);
          break;
        case 'clear':
          for (let slot = step.from; slot < step.to; slot++) this.write(slot, -1);
          break;
        case 'progress':
          ok = this.slots[step.slot] !== pos;
          break;
        case 'look': {
          const mark = this.trail.length;
          const found = this.run(at + 1, pos) >= 0;
          if (!found || step.negative) this.backtrack(mark);
          ok = found !== step.negative;
          at = step.end - 1;
          break;
        }
        case 'back': {
          const end = this.repeated(step.index, pos);
          ok = end >= 0;
          if (ok) pos = end;
          break;
        }
        case 'assert':
          ok = this.holds(step.what, pos);
          break;
        case 'match':
          return pos;
      }
      if (ok) {
        at++;
      } else if (open.length === 0) {
        return -1;
      } else {
        this.backtrack(open.pop() as number);
        pos = open.pop() as number;
        at = open.pop() as number;
      }
    }
  }

  private exhausted(): never {
    this.meter.left = -1;
    return this.meter.over();
  }

  private repeated(group: number, pos: number): number {
    const captured = this.captured(group) ?? '';
    if (pos + captured.length > this.text.length) return -1;
    this.steps += captured.length >> 2;
    for (let i = 0; i < captured.length; i++) {
      const a = captured.charCodeAt(i);
      const b = this.text.charCodeAt(pos + i);
      if (a !== b && !(this.ignoreCase && canonical(a) === canonical(b))) return -1;
    }
    return pos + captured.length;
  }

  private holds(what: '^' | '$' | 'b' | 'B', pos: number): boolean {
    const { text } = this;
    if (what === '^') return pos === 0 || (this.multiline && isLineEnd(text.charCodeAt(pos - 1)));
    if (what === '$') return pos === text.length || (this.multiline && isLineEnd(text.charCodeAt(pos)));
    const before = pos > 0 && isWord(text.charCodeAt(pos - 1));
    const after = pos < text.length && isWord(text.charCodeAt(pos));
    return (before !== after) === (what === 'b');
  }
}
