/**
 * A document that has been read: its value, and where in the text each part of it stands.
 *
 * Invariant: whoever reports a problem names a path of the value, and this file alone turns it into a line and
 * a column. Both readers (`yaml-source.ts`, `json-source.ts`) give the same tree.
 */
import type { Json } from '../../contracts/json.js';
import type { ProblemCode } from './problem.js';

/** Keys and indexes from the root of the document. */
export type DocumentPath = readonly (string | number)[];

/** A value with where it stands in the text. */
export interface SourceNode {
  readonly value: Json;
  /** Offset of the value's first character. */
  readonly start: number;
  /** Bytes of the value as JSON. */
  readonly bytes: number;
  /** Levels of objects and arrays in the value. */
  readonly height: number;
  readonly entries?: ReadonlyMap<string, { readonly keyStart: number; readonly node: SourceNode }>;
  readonly items?: readonly SourceNode[];
  /** Offset in the source text of a place in a text value, where that is known. */
  readonly offsetIn?: (index: number) => number;
}

/** A problem of the text itself, found before there is a value to speak of. */
export interface TextProblem {
  readonly code: ProblemCode;
  readonly message: string;
  readonly offset: number;
  /** `start` of the value that it is about; absent where there is none. */
  readonly node?: number;
  /** Which key of that value. */
  readonly key?: string;
  readonly hint?: string;
}

/** What a reader gives: the tree, unless the text is too broken, and every problem of the text. */
export interface ReadText {
  readonly root: SourceNode | undefined;
  readonly problems: readonly TextProblem[];
}

/** Levels of objects and arrays that a document may have. */
export const MOST_LEVELS = 200;

export class Source {
  readonly #lineStarts: readonly number[];

  /**
   * @param text the document as written
   * @param root its tree; undefined where the text is too broken for one
   */
  constructor(
    text: string,
    readonly root: SourceNode | undefined,
  ) {
    const starts = [0];
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
    this.#lineStarts = starts;
  }

  /** Line and column of an offset, both from 1. */
  position(offset: number): { line: number; column: number } {
    let [low, high] = [0, this.#lineStarts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#lineStarts[middle] as number) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.#lineStarts[low] as number) + 1 };
  }

  /**
   * Where a part of the document stands. Of a path that leads nowhere (a missing key), the last part that is
   * there; an entry of an object is found at its key, or at its value where `at` says so.
   * @param index a place in the text value at the path, such as that of an error in an expression
   */
  locate(
    path: DocumentPath,
    at: 'key' | 'value' = 'value',
    index?: number,
  ): { line: number; column: number } | undefined {
    if (this.root === undefined) return undefined;
    let node = this.root;
    let offset = node.start;
    for (const [i, segment] of path.entries()) {
      const entry = typeof segment === 'string' ? node.entries?.get(segment) : undefined;
      const child = entry?.node ?? (typeof segment === 'number' ? node.items?.[segment] : undefined);
      if (child === undefined) return this.position(offset);
      const last = i === path.length - 1;
      node = child;
      offset = entry !== undefined && (!last || at === 'key') ? entry.keyStart : child.start;
    }
    return this.position(index === undefined ? offset : (node.offsetIn?.(index) ?? offset));
  }
}

/** The paths of the values that begin at these offsets. */
export function pathsOf(root: SourceNode, starts: ReadonlySet<number>): ReadonlyMap<number, DocumentPath> {
  const found = new Map<number, DocumentPath>();
  const look = (node: SourceNode, path: DocumentPath): void => {
    if (starts.has(node.start) && !found.has(node.start)) found.set(node.start, path);
    for (const [key, entry] of node.entries ?? []) look(entry.node, [...path, key]);
    for (const [index, item] of (node.items ?? []).entries()) look(item, [...path, index]);
  };
  look(root, []);
  return found;
}

/** A path for people: `steps[1].input.amount`, with quotes where a key is no plain name. */
export function formatPath(path: DocumentPath): string {
  return path
    .map((segment, i) => {
      if (typeof segment === 'number') return `[${segment}]`;
      if (!/^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(segment)) return `[${JSON.stringify(segment)}]`;
      return i === 0 ? segment : `.${segment}`;
    })
    .join('');
}

/** Text for a message, cut where it is long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 59)}…` : text);
}
