import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../contracts/json.js';
import { evaluateRaw } from '../../expressions/index.js';
import { value } from './support/evaluate-in.js';
import { expressionInput, expressionSource } from './support/grammar.js';

const corpus = JSON.parse(readFileSync(new URL('./support/corpus.json', import.meta.url), 'utf8')) as {
  input: JsonObject;
  groups: { sources: string[] }[];
};

function deepFreeze(item: unknown): void {
  if (typeof item !== 'object' || item === null || Object.isFrozen(item)) return;
  Object.freeze(item);
  Object.values(item).forEach(deepFreeze);
}

/** Everything that JSON.stringify does not show: marks on arrays, symbols, prototypes. */
function traces(item: unknown): string[] {
  if (typeof item !== 'object' || item === null) return [];
  const own = Reflect.ownKeys(item).filter(
    (key) => typeof key === 'symbol' || (Array.isArray(item) && !/^(\d+|length)$/.test(key)),
  );
  return [...own.map(String), ...Object.values(item).flatMap(traces)];
}

const sources = corpus.groups.flatMap((group) => group.sources);

describe('inputs are never changed', () => {
  it('the written cases never change their input', { timeout: 120_000 }, () => {
    for (const source of sources) {
      const root = structuredClone(corpus.input);
      const bindings = { payload: root, x: root['lines'] ?? null };
      try {
        value(source, root, bindings);
      } catch {
        // Another test checks the error.
      }
      expect(root, source).toEqual(corpus.input);
      expect(traces(root), source).toEqual([]);
      expect(Object.keys(bindings)).toEqual(['payload', 'x']);
    }
  });

  it('4,000 generated expressions never change their frozen input', { timeout: 120_000 }, () => {
    for (const [source, input] of fc.sample(fc.tuple(expressionSource, expressionInput), {
      numRuns: 4_000,
      seed: 11,
    })) {
      const root = structuredClone(input) as JsonObject;
      const expected = outcome(() => value(source, structuredClone(root)));
      deepFreeze(root);
      expect(
        outcome(() => value(source, root)),
        source,
      ).toEqual(expected);
    }
  });

  it('the transform operator never changes its input, with any pattern', () => {
    const root = { a: { n: 1 }, l: [{ n: 1 }, { n: 2 }], e: [] };
    for (const source of [
      '$ ~> |a|{"n": 9}|',
      'a ~> |$|{"n": 9}|',
      '$ ~> |$$.a|{"n": 9}|',
      '$ ~> |$payload.a|{"n": 9}|',
      'l ~> |$|{"n": 9}, "n"|',
      '($clone := function($x) { $x }; $ ~> |a|{"n": 9}|)',
      '(function($clone) { $ ~> |a|{"n": 9}| })(function($x) { $x })',
      '$map(l, |$|{"n": 9}|)',
      '(|$|{"n": 9}|)(a)',
      '$ ~> |**|{"n": 9}|',
    ]) {
      const before = structuredClone(root);
      outcome(() => value(source, root, { payload: root }));
      expect(root, source).toEqual(before);
    }
    expect(value('$ ~> |$$.a|{"n": 9}|', root)).toEqual(root);
    expect(value('[a ~> |$|{"n": 9}|, a]', root)).toEqual([{ n: 9 }, { n: 1 }]);
  });

  it('inputs get no marks or elements where the package would leave some', () => {
    const root = { e: [], l: [1, 2], f: { a: 1 } };
    expect(value('e{"a": 1}', root)).toEqual({ a: 1 });
    expect(value('$$.l[]', root)).toEqual([1, 2]);
    outcome(() => value('f(1)', root));
    outcome(() => evaluateRaw('f(1)', root));
    expect(root).toEqual({ e: [], l: [1, 2], f: { a: 1 } });
    expect(traces(root)).toEqual([]);
  });

  it('a result shares nothing with the input', () => {
    const root = { a: { b: [1] } };
    for (const source of ['$', 'a', 'a.b', '[a]', '{"x": a}', '$x', '$lookup($, "a")', '$append(a, a)']) {
      const result = value(source, root, { x: root.a });
      visit(result, (item) => expect([root, root.a, root.a.b].includes(item as never), source).toBe(false));
    }
  });
});

function outcome(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return (error as { code: string }).code;
  }
}

function visit(item: unknown, see: (item: unknown) => void): void {
  if (typeof item !== 'object' || item === null) return;
  see(item);
  Object.values(item).forEach((inner) => visit(inner, see));
}
