/** The interface of the derived engine and the hooks that it calls. */
import type { MeteredRegExp } from '../regex/metered-regexp.js';

/** A node of a parsed expression, from JSONata's parser. */
export interface SyntaxNode {
  readonly type: string;
  readonly value?: unknown;
  /** End of the token of the node. */
  readonly position?: number;
  readonly [key: string]: unknown;
}

/** A frame of variables. */
export interface Frame {
  bind(name: string, value: unknown): void;
  lookup(name: string): unknown;
  [key: string]: unknown;
}

/** A frozen definition of a function that the engine can call, from `defineFunction`. */
export type EngineFunction = object;

/** The synchronous engine; see scripts/derive-jsonata.mjs. */
export interface Engine {
  parser(source: string): SyntaxNode;
  evaluate(node: SyntaxNode, input: unknown, frame: Frame): unknown;
  createFrame(enclosing: Frame | null): Frame;
  readonly staticFrame: Frame;
  defineFunction(implementation: (...args: never[]) => unknown, signature?: string): EngineFunction;
  populateMessage(error: object): void;
  readonly datetime: {
    readonly fromMillis: (this: unknown, millis: number, picture?: string, timezone?: string) => string;
    readonly toMillis: (this: unknown, timestamp: string, picture?: string) => number | undefined;
  };
}

/** The hooks that the derivation inserts into the engine where its work depends on sizes. */
export interface EngineHooks {
  left: number;
  depth: number;
  readonly flags: Readonly<Record<string, symbol>>;
  readonly dialect: boolean;
  /** Set where an operand of `&` or an item of a list is undefined. */
  undefinedOperand: boolean;
  /** The same where one is null. */
  nullOperand: boolean;
  over(): never;
  enter(): void;
  freeze(definition: object): object;
  frame(frame: Frame, enclosing: Frame | null): void;
  call(implementation: (...args: unknown[]) => unknown, focus: unknown, args: unknown[]): unknown;
  token(start: number, end: number): void;
  bareCall(callee: { type: string; value: unknown; position: number }, source: string): void;
  copyTree(node: unknown): unknown;
  set(
    target: Record<string, unknown>,
    key: string,
    value: unknown,
    isFunction: (v: unknown) => boolean,
  ): void;
  seen(seen: Set<unknown>, value: unknown): boolean;
  grow(
    entry: { data: unknown; grown?: boolean },
    item: unknown,
    append: (a: unknown, b: unknown) => unknown,
    focus: unknown,
  ): void;
  object(): object;
  array(length: number): unknown[];
  join(list: readonly unknown[], separator?: string): string;
  concat(target: string | readonly unknown[], ...more: unknown[]): string | unknown[];
  slice(target: string | readonly unknown[], start?: number, end?: number): string | unknown[];
  split(text: string, separator: string, limit?: number): string[];
  max(list: readonly number[]): number;
  min(list: readonly number[]): number;
  match(text: string, pattern: string): readonly (string | undefined)[] | null;
  text(text: string): string;
  weigh<T>(value: T): T;
  measure<T>(value: T): T;
  base64encode(text: string): string;
  base64decode(text: string): string;
  readonly Regex: new (pattern: string | MeteredRegExp, flags?: string) => MeteredRegExp;
}
