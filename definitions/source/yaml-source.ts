/**
 * Reads a YAML 1.2 document (core schema) with the position of each value.
 *
 * An author's text must not be able to stop the process, so this file does two things itself. It measures
 * nesting while an iterative parser reads the text, before the recursive composer runs. And it resolves
 * aliases by sharing nodes and adding up their sizes, so that it never expands a billion-laughs document.
 */
import {
  Composer,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  type Node,
  Parser,
  type Scalar,
  type CST,
} from 'yaml';
import { MOST_LEVELS, type ReadText, Source, type SourceNode } from './source.js';
import { type RawEntry, TreeBuilder } from './tree.js';

/** Entries of the parser's stack that are not levels of the document. */
const STACK_MARGIN = 10;

/** Errors for which a missing quote is looked for. */
const FIRST_ERRORS = 20;

const OPTIONS = {
  version: '1.2',
  schema: 'core',
  // The tree builder finds duplicates; the parser would compare each key with all before it.
  uniqueKeys: false,
  strict: true,
  prettyErrors: false,
  intAsBigInt: true,
  resolveKnownTags: false,
  logLevel: 'silent',
} as const;

/** The tokens of the text, or the offset at which it exceeds the nesting limit. */
function tokensOf(text: string): CST.Token[] | number {
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) tokens.push(token);
    // The document takes one entry; each level of a block or flow takes another.
    if (parser.stack.length > MOST_LEVELS + STACK_MARGIN) return parser.offset;
  }
  for (const token of parser.end()) tokens.push(token);
  return tokens;
}

/** Reads YAML. Reports every syntax error, one per line; a text with syntax errors has no tree. */
export function readYaml(text: string): ReadText {
  const tree = new TreeBuilder();
  const none = (): ReadText => ({ root: undefined, problems: tree.problems });
  const tokens = tokensOf(text);
  if (typeof tokens === 'number') {
    tree.report('TOO_DEEP', tokens, `the document has more than ${MOST_LEVELS} levels`);
    return none();
  }
  const source = new Source(text, undefined);
  const [document, second] = new Composer(OPTIONS).compose(tokens);
  if (document === undefined || document.contents === null) {
    tree.report('SYNTAX', 0, 'the document is empty');
    return none();
  }
  if (second !== undefined) {
    tree.report('SYNTAX', second.range[0], 'a file holds one definition; this begins another document');
  }
  if (document.directives.yaml.version !== '1.2') {
    tree.report(
      'YAML_FEATURE',
      0,
      `YAML ${document.directives.yaml.version} is refused; definitions are YAML 1.2`,
    );
  }
  const lines = new Set<number>();
  const quotes = new Set<number>();
  const suspects = document.errors.length === 0 ? [] : suspectQuotes(tokens);
  for (const { message, pos } of [...document.errors, ...document.warnings]) {
    const { line } = source.position(pos[0]);
    // Later errors on a line, or after a quote, are mostly consequences of the first.
    const opened = lines.size < FIRST_ERRORS ? quoteBefore(text, suspects, pos[0]) : undefined;
    if (opened !== undefined && !lines.has(line)) {
      const hint = { hint: 'close it on its line' };
      if (!quotes.has(opened)) tree.report('SYNTAX', opened, 'the quote that opens here is not closed', hint);
      quotes.add(opened);
    } else if (!lines.has(line)) {
      tree.report('SYNTAX', pos[0], lowerFirst(message), quotesHint(text, pos[0]));
    }
    lines.add(line);
  }
  if (tree.problems.length > 0) return none();
  const reader = new Reader(text, source, tree);
  const root = reader.read(document.contents);
  return { root: tree.finish(root, reader.aliased), problems: tree.problems };
}

/** Most syntax errors on a line with an expression are missing quotes. */
function quotesHint(text: string, offset: number): { readonly hint?: string } {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  return text.slice(start, offset).includes('$expr:') ? { hint: 'put the expression in quotes' } : {};
}

interface Quoted {
  readonly start: number;
  readonly end: number;
  readonly closed: boolean;
}

/** Quoted texts that are not closed, or not on the line on which they open. */
function suspectQuotes(tokens: readonly CST.Token[]): readonly Quoted[] {
  const found: Quoted[] = [];
  const look = (token: CST.Token | null | undefined): void => {
    if (token === null || token === undefined) return;
    if (token.type === 'double-quoted-scalar' || token.type === 'single-quoted-scalar') {
      const { source, offset: start } = token;
      const closed = source.length > 1 && source.endsWith(source.charAt(0));
      if (!closed || source.includes('\n')) found.push({ start, end: start + source.length, closed });
    }
    if ('value' in token) look(token.value);
    for (const item of 'items' in token ? token.items : []) {
      if ('key' in item) look(item.key);
      if ('value' in item) look(item.value);
    }
  };
  for (const token of tokens) look(token);
  return found;
}

/**
 * Where the quote opens that makes a syntax error: one that is never closed, or one that the opening quote
 * of a later line closes.
 */
function quoteBefore(text: string, suspects: readonly Quoted[], offset: number): number | undefined {
  const last = suspects.findLast(({ start }) => start < offset);
  if (last === undefined) return undefined;
  const closedLate = last.end <= offset && text.slice(last.end, offset).trim() === '';
  return !last.closed || closedLate ? last.start : undefined;
}

function lowerFirst(message: string): string {
  return /^[A-Z][a-z]/.test(message) ? message.charAt(0).toLowerCase() + message.slice(1) : message;
}

class Reader {
  aliased = false;
  readonly #anchors = new Map<string, SourceNode | 'open'>();

  constructor(
    readonly text: string,
    readonly source: Source,
    readonly tree: TreeBuilder,
  ) {}

  read(node: Node | null, at = 0): SourceNode {
    if (node === null) return this.tree.scalar(null, at);
    const start = node.range?.[0] ?? at;
    if (isAlias(node)) return this.alias(node.source, start);
    if (node.anchor === undefined) return this.content(node, start);
    this.#anchors.set(node.anchor, 'open');
    const content = this.content(node, start);
    this.#anchors.set(node.anchor, content);
    return content;
  }

  private alias(name: string, start: number): SourceNode {
    const target = this.#anchors.get(name);
    this.aliased = true;
    if (target === undefined || target === 'open') {
      const why = target === undefined ? 'has no anchor before it' : 'is inside the value that it repeats';
      this.tree.report('YAML_FEATURE', start, `the alias *${name} ${why}`, { node: start });
      return this.tree.scalar(null, start);
    }
    return { ...target, start };
  }

  private content(node: Exclude<Node, { source: string; type?: undefined }>, start: number): SourceNode {
    if (isSeq(node)) {
      return this.tree.list(
        node.items.map((item) => this.read(item as Node | null, start)),
        start,
      );
    }
    if (isMap(node)) {
      return this.tree.object(
        node.items.flatMap((pair) => this.entry(pair.key as Node | null, pair.value as Node | null, start)),
        start,
        (offset) => `line ${this.source.position(offset).line}`,
      );
    }
    if (isScalar(node)) return this.scalar(node, start);
    return this.tree.scalar(null, start);
  }

  private entry(key: Node | null, value: Node | null, mapStart: number): RawEntry[] {
    const keyStart = key?.range?.[0] ?? mapStart;
    if (!isScalar(key) || key.value === null) {
      this.tree.report('YAML_FEATURE', keyStart, 'a key must be text', { node: mapStart });
      return [];
    }
    if (key.type === 'PLAIN' && key.value === '<<') {
      this.tree.report('YAML_FEATURE', keyStart, 'YAML 1.2 has no merge keys (<<)', {
        hint: 'write the keys out',
        node: mapStart,
      });
      return [];
    }
    const name = typeof key.value === 'string' ? key.value : (key.source ?? '');
    if (key.anchor !== undefined) this.#anchors.set(key.anchor, this.scalar(key, keyStart));
    return [{ key: name, keyStart, node: this.read(value, keyStart) }];
  }

  private scalar(node: Scalar, start: number): SourceNode {
    const { value } = node;
    if (typeof value === 'number' || typeof value === 'bigint') {
      return this.tree.number(value, node.source ?? String(value), start);
    }
    if (typeof value === 'string') return this.tree.scalar(value, start, this.offsets(node, value, start));
    return this.tree.scalar(typeof value === 'boolean' ? value : null, start);
  }

  /** Maps an index in a text to the source: verbatim on one line, or line by line in a `|` block. */
  private offsets(node: Scalar, value: string, start: number): ((index: number) => number) | undefined {
    const { text } = this;
    if (node.type === 'BLOCK_LITERAL') {
      return (index) => {
        const before = value.slice(0, index).split('\n');
        let line = text.indexOf('\n', start) + 1;
        for (let i = 1; i < before.length; i++) line = text.indexOf('\n', line) + 1;
        const current = value.split('\n')[before.length - 1] ?? '';
        const end = text.indexOf('\n', line);
        const indent = Math.max(0, text.slice(line, end === -1 ? undefined : end).lastIndexOf(current));
        return line + indent + (before.at(-1) ?? '').length;
      };
    }
    const first = node.type === 'PLAIN' ? start : start + 1;
    return text.startsWith(value, first) ? (index) => first + index : undefined;
  }
}
