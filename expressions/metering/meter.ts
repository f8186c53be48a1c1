/**
 * The budget of one evaluation or parse, and the hooks through which the engine spends it.
 *
 * Evaluation is synchronous and never nested, so one meter per engine is enough: `start` resets it.
 */
import { EngineError } from '../budget/engine-error.js';
import { MAX_LIST, MAX_TEXT } from '../budget/limits.js';
import { MeteredRegExp } from '../regex/metered-regexp.js';
import type { EngineHooks, Frame } from './engine-types.js';
import { base64decode, base64encode } from './base64.js';

export interface Allowance {
  readonly steps: number;
  readonly depth: number;
}

const limitError = (message: string) => new EngineError('limit', message);

/** Only partial application nests frames; each look-up of a name may walk them all. */
const MAX_FRAMES = 1_500;

/** Units that a list's item other than text counts when the list is joined. */
const OTHER_UNITS = 24;

/** Cost of a new object or frame: far more time than a turn of a loop, and memory. */
const OBJECT = 16;

export class Meter implements EngineHooks {
  left = Infinity;
  depth = 0;
  dialect = false;
  undefinedOperand = false;
  nullOperand = false;
  /** The time of nowIso(), epoch ms. */
  nowMs = 0;
  /** Asked where a text fits only if holes of the list that it is joined from count as nothing. */
  joinsHoles: () => boolean = () => true;
  /** Start of each token by its end, because JSONata's positions are ends. Set only while parsing. */
  starts: Map<number, number> | undefined;
  /** Names of helpers that may be called without `$`, each with its variable. */
  helpers: ReadonlyMap<string, string> = new Map();

  readonly flags = {
    _jsonata_lambda: Symbol('lambda'),
    _jsonata_function: Symbol('function'),
    tupleStream: Symbol('tupleStream'),
    outerWrapper: Symbol('outerWrapper'),
    keepSingleton: Symbol('keepSingleton'),
  };
  readonly Regex: EngineHooks['Regex'];
  readonly base64encode = base64encode;
  readonly base64decode = base64decode;

  private steps = Infinity;
  private maxDepth = Infinity;

  constructor() {
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- the class below belongs to this meter
    const meter = this;
    this.Regex = class extends MeteredRegExp {
      constructor(pattern: string | MeteredRegExp, flags?: string) {
        super(meter, pattern, flags);
      }
    };
  }

  /** Begins a parse or an evaluation. */
  start(allowance: Allowance): void {
    this.steps = this.left = allowance.steps;
    this.maxDepth = allowance.depth;
    this.depth = 0;
    this.undefinedOperand = false;
    this.nullOperand = false;
  }

  /** Units spent since `start`. */
  get spent(): number {
    return this.steps === Infinity ? 0 : this.steps - Math.max(this.left, 0);
  }

  over(what = `the expression needs more than ${this.steps.toLocaleString('en-US')} steps`): never {
    throw limitError(what);
  }

  spend(units: number): void {
    if ((this.left -= units) < 0) this.over();
  }

  enter(): void {
    if (++this.depth > this.maxDepth) {
      throw limitError(`the expression nests deeper than ${this.maxDepth} levels`);
    }
  }

  freeze(definition: object): object {
    const { signature } = definition as { signature?: object };
    if (signature) Object.freeze(signature);
    return Object.freeze(definition);
  }

  frame(frame: Frame, enclosing: Frame | null): void {
    this.spend(OBJECT);
    const level = enclosing ? ((enclosing['level'] as number | undefined) ?? 0) + 1 : 0;
    if (level > MAX_FRAMES) {
      throw limitError(`functions are applied partially more than ${MAX_FRAMES} times over`);
    }
    frame['level'] = level;
  }

  call(implementation: (...args: unknown[]) => unknown, focus: unknown, args: unknown[]): unknown {
    for (const arg of args) if (typeof arg === 'string' || Array.isArray(arg)) this.spend(arg.length >> 4);
    const result = implementation.apply(focus, args);
    return typeof result === 'string' ? this.text(result) : result;
  }

  token(start: number, end: number): void {
    this.starts?.set(end, start);
  }

  bareCall(callee: { type: string; value: unknown; position: number }, source: string): void {
    if (callee.type !== 'name' || source.charAt(callee.position - 1) === '`') return;
    const variable = this.helpers.get(callee.value as string);
    if (variable === undefined) return;
    callee.type = 'variable';
    callee.value = variable;
  }

  copyTree(node: unknown): unknown {
    this.spend(1);
    if (typeof node !== 'object' || node === null || node instanceof MeteredRegExp) return node;
    this.enter();
    const copy: unknown = Array.isArray(node)
      ? node.map((item) => this.copyTree(item))
      : Object.fromEntries(
          Object.entries(node).map(([key, value]) => [
            key,
            key === 'signature' ? (value as unknown) : this.copyTree(value),
          ]),
        );
    this.depth--;
    return copy;
  }

  set(
    target: Record<string, unknown>,
    key: string,
    value: unknown,
    isFunction: (v: unknown) => boolean,
  ): void {
    if (isFunction(target)) throw new EngineError('argument', 'a function cannot be transformed');
    if (key === '__proto__') {
      Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
    } else {
      target[key] = value;
    }
  }

  /** Records a value that equals only itself. @returns false for a value that must be compared */
  seen(seen: Set<unknown>, value: unknown): boolean {
    if (typeof value === 'object' && value !== null) return false;
    if (!Number.isNaN(value)) seen.add(value);
    return true;
  }

  grow(
    entry: { data: unknown; grown?: boolean },
    item: unknown,
    append: (a: unknown, b: unknown) => unknown,
    focus: unknown,
  ): void {
    if (entry.grown !== true || item === undefined) {
      const before = entry.data;
      entry.data = append.call(focus, before, item);
      // Only an array from `append` belongs to the group and may grow in place.
      entry.grown = before !== undefined && item !== undefined;
      return;
    }
    const list = entry.data as unknown[];
    if (Array.isArray(item)) for (const element of item as unknown[]) list.push(element);
    else list.push(item);
    this.size(list.length);
    this.spend(Array.isArray(item) ? item.length : 1);
  }

  object(): object {
    this.spend(OBJECT);
    return Object.create(null) as object;
  }

  array(length: number): unknown[] {
    this.size(length);
    if (length > 0) this.spend(length);
    return new Array<unknown>(length);
  }

  join(list: readonly unknown[], separator = ','): string {
    let units = Math.max(0, list.length - 1) * separator.length;
    let holes = 0;
    for (const item of list) {
      units += typeof item === 'string' ? item.length : OTHER_UNITS;
      if (item === undefined || item === null) holes++;
    }
    // A hole joins as nothing, but its steps stay: where a running workflow yields depends on them.
    const made = units - holes * OTHER_UNITS;
    this.units(units > MAX_TEXT && made <= MAX_TEXT && this.joinsHoles() ? made : units);
    this.spend(list.length + (units >> 4));
    return list.join(separator);
  }

  concat(target: string | readonly unknown[], ...more: unknown[]): string | unknown[] {
    if (typeof target === 'string') return this.text(target.concat(...(more as string[])));
    const list = target.concat(...more);
    this.size(list.length);
    this.spend(list.length >> 3);
    return list;
  }

  slice(target: string | readonly unknown[], start?: number, end?: number): string | unknown[] {
    const part = target.slice(start, end);
    this.spend(part.length >> 3);
    return part;
  }

  split(text: string, separator: string, limit?: number): string[] {
    const parts = text.split(separator, limit);
    this.spend(parts.length + (text.length >> 4));
    return parts;
  }

  max(list: readonly number[]): number {
    this.spend(list.length);
    return list.reduce((most, item) => Math.max(most, item), -Infinity);
  }

  min(list: readonly number[]): number {
    this.spend(list.length);
    return list.reduce((least, item) => Math.min(least, item), Infinity);
  }

  match(text: string, pattern: string): readonly (string | undefined)[] | null {
    return new this.Regex(pattern).exec(text);
  }

  text(text: string): string {
    this.units(text.length);
    this.spend(text.length >> 4);
    return text;
  }

  weigh<T>(value: T): T {
    if (typeof value === 'string') this.spend(value.length >> 6);
    else if (Array.isArray(value)) this.spend(value.length >> 6);
    // A comparison of objects sorts their keys.
    else if (typeof value === 'object' && value !== null) this.spend(2 * OBJECT);
    return value;
  }

  /** Charges for writing a value as JSON, and refuses one that is too deep or cyclic. */
  measure<T>(value: T): T {
    this.spend(1);
    if (typeof value === 'string') {
      this.spend(value.length >> 4);
    } else if (
      typeof value === 'object' &&
      value !== null &&
      !(this.flags._jsonata_lambda in value) &&
      !(this.flags._jsonata_function in value)
    ) {
      this.enter();
      for (const inner of Object.values(value)) this.measure(inner);
      this.depth--;
    }
    return value;
  }

  private units(length: number): void {
    if (this.steps !== Infinity && length > MAX_TEXT) {
      throw limitError(`a text is longer than ${MAX_TEXT} characters`);
    }
  }

  private size(length: number): void {
    if (this.steps !== Infinity && length > MAX_LIST) {
      throw limitError(`a list is longer than ${MAX_LIST} elements`);
    }
  }
}
