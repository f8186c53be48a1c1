/**
 * Finds the key or the value at an offset of a text, also while its author is typing.
 *
 * Invariant: a text that cannot be read has no places, and says nothing; it never throws. The text at the
 * cursor is made readable by a word that is put there, and by closing what the author has not closed yet.
 */
import type { Json } from '../../contracts/json.js';
import { readJson } from '../source/json-source.js';
import { type DocumentPath, Source, type SourceNode } from '../source/source.js';
import { readYaml } from '../source/yaml-source.js';

/** A text that could be read. */
export interface ReadDocument {
  readonly text: string;
  readonly document: Json;
  readonly source: Source;
}

/** A key or a value. */
export interface Place {
  /** Keys from the root of the document. */
  readonly path: DocumentPath;
  /** Whether it is the key of the last entry, or its value. */
  readonly at: 'key' | 'value';
}

/** Where the author is typing. */
export interface Cursor extends Place {
  readonly document: Json;
  /** What of the key or of the text stands before the cursor. */
  readonly before: string;
}

type Format = 'yaml' | 'json';

/** Reads a text; undefined if it has a syntax error. */
export function readText(text: string, format: Format): ReadDocument | undefined {
  const { root } = format === 'yaml' ? readYaml(text) : readJson(text);
  return root === undefined ? undefined : { text, document: root.value, source: new Source(text, root) };
}

/** The key or the value that begins last before an offset. */
export function placeAt({ source }: ReadDocument, offset: number): Place {
  const path: (string | number)[] = [];
  let at: Place['at'] = 'value';
  let node = source.root;
  while (node !== undefined) {
    const next = childAt(node, offset);
    if (next === undefined) break;
    path.push(next.key);
    at = next.at;
    node = at === 'key' ? undefined : next.node;
  }
  return { path, at };
}

interface Child {
  readonly key: string | number;
  readonly at: Place['at'];
  readonly node: SourceNode;
}

function childAt({ entries, items }: SourceNode, offset: number): Child | undefined {
  let found: Child | undefined;
  let start = -1;
  const take = (child: Child, begins: number): void => {
    if (begins <= offset && begins > start) [found, start] = [child, begins];
  };
  for (const [key, { keyStart, node }] of entries ?? []) {
    // An alias stands where its anchor is; its key tells where it is written.
    const at = node.start >= keyStart && offset >= node.start ? 'value' : 'key';
    take({ key, at, node }, keyStart);
  }
  for (const [key, node] of (items ?? []).entries()) take({ key, at: 'value', node }, node.start);
  return found;
}

/** The word that is put at the cursor; no author writes it. */
const MARK = 'sluiceCursorMark';
/** What may close a text in which somebody is typing. */
const CLOSINGS = ['', ' }', "' }", '" }', "'", '"', ' ]', ' } }'];

/** What the author is typing at an offset; undefined if the text around cannot be read. */
export function cursorAt(text: string, format: Format, offset: number): Cursor | undefined {
  const end = text.indexOf('\n', offset) === -1 ? text.length : text.indexOf('\n', offset);
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
  const rest = text.slice(offset, end);
  // A key is a key only with its colon.
  const isKey = format === 'yaml' && /^[\s-]*[\w.$-]*$/.test(line) && rest.trim() === '';
  const tries = isKey ? [': null', ...CLOSINGS] : CLOSINGS;
  for (const closing of tries) {
    const read = readText(`${text.slice(0, offset)}${MARK}${closing}${text.slice(offset)}`, format);
    const root = read?.source.root;
    const found = root && marked(root, []);
    if (read !== undefined && found !== undefined) return { ...found, document: read.document };
  }
  return undefined;
}

function marked(node: SourceNode, path: DocumentPath): Omit<Cursor, 'document'> | undefined {
  const { value, entries, items } = node;
  if (typeof value === 'string' && value.includes(MARK)) {
    return { path, at: 'value', before: value.slice(0, value.indexOf(MARK)) };
  }
  for (const [key, { node: inner }] of entries ?? []) {
    if (key.includes(MARK)) return { path, at: 'key', before: key.slice(0, key.indexOf(MARK)) };
    const found = marked(inner, [...path, key]);
    if (found !== undefined) return found;
  }
  for (const [index, item] of (items ?? []).entries()) {
    const found = marked(item, [...path, index]);
    if (found !== undefined) return found;
  }
  return undefined;
}
