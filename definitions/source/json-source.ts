/** Reads a JSON document with the position of each value. Strict: no comments, no trailing commas. */
import { createScanner, type Node, parseTree, type ParseError, printParseErrorCode } from 'jsonc-parser';
import { MOST_LEVELS, type ReadText, Source, type SourceNode } from './source.js';
import { TreeBuilder } from './tree.js';

const MESSAGES: Readonly<Record<ReturnType<typeof printParseErrorCode>, string>> = {
  InvalidSymbol: 'this is not a JSON value',
  InvalidNumberFormat: 'this is not a JSON number',
  PropertyNameExpected: 'a key in double quotes is expected',
  ValueExpected: 'a value is expected',
  ColonExpected: 'a colon is expected',
  CommaExpected: 'a comma is expected',
  CloseBraceExpected: 'a closing brace is expected',
  CloseBracketExpected: 'a closing bracket is expected',
  EndOfFileExpected: 'the document ends too early',
  InvalidCommentToken: 'JSON has no comments',
  UnexpectedEndOfComment: 'the comment does not end',
  UnexpectedEndOfString: 'the text has no closing quote',
  UnexpectedEndOfNumber: 'the number is incomplete',
  InvalidUnicode: '\\u needs four hexadecimal digits',
  InvalidEscapeCharacter: 'this escape is unknown',
  InvalidCharacter: 'a control character must be escaped',
  '<unknown ParseErrorCode>': 'this is not JSON',
};

// Token kinds of jsonc-parser. Its const enum cannot be imported with isolatedModules.
const OPENING = [1, 3];
const CLOSING = [2, 4];
const END = 17;

/** The offset at which the text exceeds the nesting limit: a recursive parser must not read such a text. */
function tooDeepAt(text: string): number | undefined {
  const scanner = createScanner(text, true);
  let depth = 0;
  for (let token = scanner.scan() as number; token !== END; token = scanner.scan() as number) {
    if (OPENING.includes(token)) depth++;
    else if (CLOSING.includes(token)) depth--;
    if (depth > MOST_LEVELS) return scanner.getTokenOffset();
  }
  return undefined;
}

/** Reads JSON. Reports every syntax error, one per line; a text with syntax errors has no tree. */
export function readJson(text: string): ReadText {
  const tree = new TreeBuilder();
  const deep = tooDeepAt(text);
  if (deep !== undefined) {
    tree.report('TOO_DEEP', deep, `the document has more than ${MOST_LEVELS} levels`);
    return { root: undefined, problems: tree.problems };
  }
  const errors: ParseError[] = [];
  const parsed = parseTree(text, errors, { disallowComments: true });
  const source = new Source(text, undefined);
  const lines = new Set<number>();
  for (const { error, offset } of errors) {
    const { line } = source.position(offset);
    // Further errors on a line are mostly consequences of the first.
    if (!lines.has(line)) tree.report('SYNTAX', offset, MESSAGES[printParseErrorCode(error)]);
    lines.add(line);
  }
  if (parsed === undefined || errors.length > 0) {
    if (errors.length === 0) tree.report('SYNTAX', 0, 'the document is empty');
    return { root: undefined, problems: tree.problems };
  }
  const root = convert(parsed, text, tree, source);
  return { root: tree.finish(root, false), problems: tree.problems };
}

function convert(node: Node, text: string, tree: TreeBuilder, source: Source): SourceNode {
  const start = node.offset;
  const children = node.children ?? [];
  switch (node.type) {
    case 'array':
      return tree.list(
        children.map((child) => convert(child, text, tree, source)),
        start,
      );
    case 'object':
      return tree.object(
        children.flatMap(({ children: [key, value] = [] }) =>
          key === undefined || value === undefined
            ? []
            : [{ key: String(key.value), keyStart: key.offset, node: convert(value, text, tree, source) }],
        ),
        start,
        (offset) => `line ${source.position(offset).line}`,
      );
    case 'number': {
      const written = text.slice(start, start + node.length);
      return tree.number(Number(written), written, start);
    }
    case 'string': {
      const value = String(node.value);
      const verbatim = text.startsWith(value, start + 1);
      return tree.scalar(value, start, verbatim ? (index) => start + 1 + index : undefined);
    }
    default:
      return tree.scalar(node.value === true ? true : node.value === false ? false : null, start);
  }
}
