/**
 * Parses and checks expressions, and caches them by source.
 *
 * The cache cannot change a result: a compiled expression holds no state of an evaluation, and parsing has a
 * separate budget that no evaluation pays for.
 */
import type { SyntaxNode } from './metering/engine-types.js';
import { checkTree } from './allow-list.js';
import { theEngine } from './engine/engine.js';
import { CACHE_ENTRIES, CACHE_UNITS, MAX_PARSE_DEPTH, MAX_PARSE_STEPS, MAX_SOURCE } from './budget/limits.js';
import { problemOf } from './problem.js';
import type { ExpressionProblem } from './problem.js';

export interface Compiled {
  readonly tree: SyntaxNode | undefined;
  readonly problems: readonly ExpressionProblem[];
  /** The names of a bare path, such as `vars.order.lines`; the first may be a variable, with its `$`. */
  readonly path: readonly string[] | undefined;
  /** Whether the expression has a transform operator, which changes its input. */
  readonly transforms: boolean;
  /** Start of each token by its end. */
  readonly starts: ReadonlyMap<number, number>;
}

const cache = new Map<string, Compiled>();
let cachedUnits = 0;
/** True: nothing leaves the cache. */
let keeping = false;

/** Empties the cache; for tests. */
export function forgetCompiled(): void {
  cache.clear();
  cachedUnits = 0;
}

/** Parses and checks a source, or returns it from the cache. Never throws. */
export function compile(source: string): Compiled {
  const cached = cache.get(source);
  if (cached) {
    cache.delete(source);
    cache.set(source, cached);
    return cached;
  }
  const compiled = parse(source);
  cache.set(source, compiled);
  cachedUnits += source.length;
  if (!keeping) evict();
  return compiled;
}

/**
 * Does work that looks at each of its expressions several times, and compiles each once, however many they
 * are: a document with more of them than the cache holds would be compiled anew at each look. The caller
 * bounds the work.
 */
export function compilingOnce<T>(work: () => T): T {
  const outer = keeping;
  keeping = true;
  try {
    return work();
  } finally {
    keeping = outer;
    if (!keeping) evict();
  }
}

function evict(): void {
  for (const [oldest] of cache) {
    if (cache.size <= CACHE_ENTRIES && cachedUnits <= CACHE_UNITS) break;
    cache.delete(oldest);
    cachedUnits -= oldest.length;
  }
}

function parse(source: string): Compiled {
  const { engine, meter } = theEngine();
  const failed = (problem: ExpressionProblem, starts = new Map<number, number>()): Compiled => ({
    tree: undefined,
    problems: [problem],
    transforms: false,
    path: undefined,
    starts,
  });
  if (typeof source !== 'string') {
    return failed({ code: 'EXPRESSION_SYNTAX', message: 'an expression must be text', position: 0 });
  }
  if (source.length > MAX_SOURCE) {
    return failed({
      code: 'EXPRESSION_BUDGET',
      message: `the expression is longer than ${MAX_SOURCE} characters`,
      position: MAX_SOURCE,
      hint: 'Split it into several assignments.',
    });
  }
  if (source.trim() === '') {
    return failed({ code: 'EXPRESSION_SYNTAX', message: 'the expression is empty', position: 0 });
  }
  const starts = new Map<number, number>();
  meter.start({ steps: MAX_PARSE_STEPS, depth: MAX_PARSE_DEPTH });
  meter.dialect = true;
  meter.starts = starts;
  try {
    const tree = engine.parser(source);
    const { problems, transforms } = checkTree(tree);
    const placed = problems.map((p) => ({ ...p, position: starts.get(p.position) ?? p.position }));
    return { tree, problems: placed, transforms, path: barePath(tree), starts };
  } catch (thrown) {
    return failed(problemOf(thrown, engine, starts, source.length), starts);
  } finally {
    meter.dialect = false;
    meter.starts = undefined;
  }
}

/** The names of an expression that only names a value: no filter, no call, no list made of one item. */
function barePath(tree: SyntaxNode): readonly string[] | undefined {
  const steps = tree.type === 'path' ? (tree['steps'] as readonly SyntaxNode[]) : [tree];
  if (tree.type === 'path' && Object.keys(tree).length > 2) return undefined;
  const names: string[] = [];
  for (const step of steps) {
    const { type, value } = step;
    const isVariable = type === 'variable' && names.length === 0;
    const others = Object.keys(step).filter((key) => !['type', 'value', 'position'].includes(key));
    if (others.length > 0 || typeof value !== 'string' || !(isVariable || type === 'name')) {
      return undefined;
    }
    names.push(isVariable ? `$${value}` : value);
  }
  return names;
}

/**
 * Checks an expression at publish, with the parser and the allow-list that evaluation uses.
 *
 * @returns all problems; empty for a valid expression
 */
export function check(source: string): readonly ExpressionProblem[] {
  return compile(source).problems;
}

/** A valid expression as a tree, for rules that look into it. */
export interface ParsedExpression {
  readonly tree: SyntaxNode;
  /** Start of each token by its end, which is the position of its node. */
  readonly starts: ReadonlyMap<number, number>;
}

/** The tree of an expression; undefined if it has a problem. */
export function parsedExpression(source: string): ParsedExpression | undefined {
  const { tree, problems, starts } = compile(source);
  return tree === undefined || problems.length > 0 ? undefined : { tree, starts };
}
