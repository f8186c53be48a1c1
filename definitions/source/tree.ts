/**
 * Builds the tree of a document for both readers and enforces the limits: no duplicate key, no key that
 * reaches a prototype, no number that a double cannot hold, at most 200 levels and 512 KiB of JSON.
 */
import { jsonSize, type Json } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import { MOST_LEVELS, quote, type SourceNode, type TextProblem } from './source.js';

/** A key and its value as read. */
export interface RawEntry {
  readonly key: string;
  readonly keyStart: number;
  readonly node: SourceNode;
}

/** Characters of a number that a message shows. */
const NUMBER_CHARACTERS = 60;

/** Numbers that lose a part of what is written, as identifiers and versions do: 01234, +49…, 1.10, 1e5. */
function isReadOtherwise(text: string): boolean {
  return /^[-+]?0\d|^\+|^[-+]?\d*\.\d+0$|^0[xo]|^\d+[eE]\d+$/.test(text);
}

export class TreeBuilder {
  readonly problems: TextProblem[] = [];

  /** @param more a hint, and the value and key that have the problem */
  report(
    code: TextProblem['code'],
    offset: number,
    message: string,
    more: Partial<Pick<TextProblem, 'level' | 'hint' | 'node' | 'key'>> = {},
  ): void {
    this.problems.push({ code, offset, message, ...more });
  }

  scalar(value: Json, start: number, offsetIn?: (index: number) => number): SourceNode {
    const node = { value, start, bytes: jsonSize(value), height: 0 };
    return offsetIn === undefined ? node : { ...node, offsetIn };
  }

  /** A number; reports one that JSON or a double cannot hold. */
  number(value: number | bigint, text: string, start: number): SourceNode {
    const double = Number(value);
    if (!Number.isFinite(double)) {
      const hint = 'put it in quotes if it is text';
      this.report('NUMBER', start, `${text} is not a JSON number`, { hint, node: start });
      return this.scalar(null, start);
    }
    if (Number.isInteger(double) && !Number.isSafeInteger(double)) {
      const message = `${text.slice(0, NUMBER_CHARACTERS)} is over 2^53 and would lose digits`;
      const hint = 'put it in quotes: an identifier is text';
      this.report('NUMBER', start, message, { hint, node: start });
    }
    const node = this.scalar(double, start);
    return isReadOtherwise(text) ? { ...node, written: text } : node;
  }

  list(items: readonly SourceNode[], start: number): SourceNode {
    return {
      value: items.map((item) => item.value),
      start,
      items,
      bytes: 2 + Math.max(0, items.length - 1) + items.reduce((sum, item) => sum + item.bytes, 0),
      height: 1 + items.reduce((most, item) => Math.max(most, item.height), 0),
    };
  }

  object(raw: readonly RawEntry[], start: number, position: (offset: number) => string): SourceNode {
    const entries = new Map<string, { keyStart: number; node: SourceNode }>();
    const value: Record<string, Json> = {};
    let bytes = 1;
    let height = 0;
    for (const { key, keyStart, node } of raw) {
      const first = entries.get(key);
      if (key === '__proto__') {
        this.report('NAME_INVALID', keyStart, '__proto__ is refused as a key', { node: start, key });
      } else if (first !== undefined) {
        const where = position(first.keyStart);
        const message = `the key ${quote(key)} is already at ${where}`;
        this.report('DUPLICATE_KEY', keyStart, message, { node: start, key });
      } else {
        entries.set(key, { keyStart, node });
        value[key] = node.value;
        bytes += jsonSize(key) + 2 + node.bytes;
        height = Math.max(height, node.height);
      }
    }
    return { value, start, entries, bytes: Math.max(2, bytes), height: height + 1 };
  }

  /** The finished tree; undefined if it exceeds a limit. */
  finish(root: SourceNode, aliased: boolean): SourceNode | undefined {
    if (root.height > MOST_LEVELS) {
      this.report('TOO_DEEP', tooDeepAt(root), `the document has more than ${MOST_LEVELS} levels`);
      return undefined;
    }
    if (root.bytes > LIMITS.definitionBytes) {
      this.report(
        aliased ? 'YAML_FEATURE' : 'TOO_LARGE',
        root.start,
        aliased
          ? `with its aliases written out, the document has more than ${LIMITS.definitionBytes} bytes`
          : `as JSON, the document has more than ${LIMITS.definitionBytes} bytes`,
        { hint: 'split it with control.callWorkflow' },
      );
      return undefined;
    }
    return root;
  }
}

/** Where the first value begins that is one level too deep: at an alias, where its anchor is. */
function tooDeepAt(root: SourceNode): number {
  let node = root;
  for (let level = 1; level <= MOST_LEVELS; level++) {
    const inner = [...(node.items ?? []), ...[...(node.entries?.values() ?? [])].map((entry) => entry.node)];
    const next = inner.find(({ height }) => height >= node.height - 1);
    if (next === undefined) break;
    node = next;
  }
  return node.start;
}
