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
  /** Whether the expression has a transform operator, which changes its input. */
  readonly transforms: boolean;
  /** Start of each token by its end. */
  readonly starts: ReadonlyMap<number, number>;
}

const cache = new Map<string, Compiled>();
let cachedUnits = 0;

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
  for (const [oldest] of cache) {
    if (cache.size <= CACHE_ENTRIES && cachedUnits <= CACHE_UNITS) break;
    cache.delete(oldest);
    cachedUnits -= oldest.length;
  }
  return compiled;
}

function parse(source: string): Compiled {
  const { engine, meter } = theEngine();
  const failed = (problem: ExpressionProblem, starts = new Map<number, number>()): Compiled => ({
    tree: undefined,
    problems: [problem],
    transforms: false,
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
    return { tree, problems: placed, transforms, starts };
  } catch (thrown) {
    return failed(problemOf(thrown, engine, starts, source.length), starts);
  } finally {
    meter.dialect = false;
    meter.starts = undefined;
  }
}

/**
 * Checks an expression at publish, with the parser and the allow-list that evaluation uses.
 *
 * @returns all problems; empty for a valid expression
 */
export function check(source: string): readonly ExpressionProblem[] {
  return compile(source).problems;
}
