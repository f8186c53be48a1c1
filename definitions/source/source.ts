/**
 * A document: its value, and the position of each part in the text.
 *
 * Invariant: problems name a path of the value, and only this file turns a path into a line and a column.
 * Both readers (`yaml-source.ts`, `json-source.ts`) build the same tree.
 */
import type { Json } from '../../contracts/json.js';
import type { ProblemCode, ProblemLevel } from './problem.js';

/** Keys and indexes from the root of the document. */
export type DocumentPath = readonly (string | number)[];

/** A value with its position in the text. */
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
  /** A number as it is written, if that is not how the number is written again. */
  readonly written?: string;
  /** Maps an index in a text value to an offset in the source text; absent if that is unknown. */
  readonly offsetIn?: (index: number) => number;
}

/** A problem of the text, found before its value is known. */
export interface TextProblem {
  readonly code: ProblemCode;
  /** Default: error. */
  readonly level?: ProblemLevel;
  readonly message: string;
  readonly offset: number;
  /** `start` of the value with the problem; absent if the problem is not in a value. */
  readonly node?: number;
  /** The key of that value. */
  readonly key?: string;
  readonly hint?: string;
}

/** The result of a reader: every problem of the text, and the tree unless the text is too broken. */
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
   * @param root its tree; undefined if the text is too broken
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

  /** The node at a path; undefined: the document does not have it. */
  nodeAt(path: DocumentPath): SourceNode | undefined {
    return path.reduce<SourceNode | undefined>(
      (node, segment) =>
        typeof segment === 'string' ? node?.entries?.get(segment)?.node : node?.items?.[segment],
      this.root,
    );
  }

  /**
   * The position of a part of the document. For a path that does not exist (a missing key), the position of
   * its last existing part.
   * @param at whether to locate the key or the value of the last entry
   * @param index index in the text value at the path, such as that of an error in an expression
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

/** A path for people: `steps[1].input.amount`, with quotes around keys that are not plain names. */
export function formatPath(path: DocumentPath): string {
  return path
    .map((segment, i) => {
      if (typeof segment === 'number') return `[${segment}]`;
      if (!/^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(segment)) return `[${JSON.stringify(segment)}]`;
      return i === 0 ? segment : `.${segment}`;
    })
    .join('');
}

/** Characters of a text that a message shows. */
const QUOTE_CHARACTERS = 60;

/** Quotes a text for a message and truncates a long one. */
export function quote(text: string): string {
  return JSON.stringify(text.length > QUOTE_CHARACTERS ? `${text.slice(0, QUOTE_CHARACTERS - 1)}…` : text);
}
