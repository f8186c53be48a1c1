import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../contracts/json.js';
import { compile, compilingOnce, forgetCompiled } from '../../../expressions/compile.js';
import { CACHE_ENTRIES } from '../../../expressions/budget/limits.js';
import { sluiceOutcome } from '../support/reference.js';

const corpus = JSON.parse(readFileSync(new URL('../support/corpus.json', import.meta.url), 'utf8')) as {
  input: JsonObject;
  groups: { sources: string[] }[];
};
const sources = corpus.groups.flatMap((group) => group.sources);

describe('the cache of compiled expressions', () => {
  it('the cache changes no outcome, cold or warm, in any order', () => {
    const all = (order: string[]) =>
      new Map(order.map((source) => [source, sluiceOutcome(source, corpus.input)]));
    forgetCompiled();
    const cold = all(sources);
    const warm = all([...sources].reverse());
    forgetCompiled();
    const coldAgain = all([...sources].reverse());
    for (const source of sources) {
      expect(warm.get(source), source).toEqual(cold.get(source));
      expect(coldAgain.get(source), source).toEqual(cold.get(source));
    }
  });

  it('the cache keeps the most recently used expressions', () => {
    forgetCompiled();
    const kept = compile('1 + 1');
    for (let i = 0; i < CACHE_ENTRIES - 1; i++) compile(`${i} + 2`);
    expect(compile('1 + 1')).toBe(kept);
    // The most recently used expression outlives the others.
    for (let i = 0; i < CACHE_ENTRIES - 1; i++) compile(`${i} + 3`);
    expect(compile('1 + 1')).toBe(kept);
    for (let i = 0; i < CACHE_ENTRIES; i++) compile(`${i} + 4`);
    expect(compile('1 + 1')).not.toBe(kept);
  });

  it('the cache is bounded in size, too', () => {
    forgetCompiled();
    const first = compile('"first"');
    for (let i = 0; i < 60; i++) compile(`"${String(i).padEnd(20_000, 'x')}"`);
    expect(compile('"first"')).not.toBe(first);
    // It still caches expressions that fit.
    expect(compile('"first"')).toBe(compile('"first"'));
    const last = compile('"last"');
    compile('"first"');
    expect(compile('"last"')).toBe(last);
  });

  it('work that asks for it keeps each expression to its end, and the cache is as small as ever after it', () => {
    forgetCompiled();
    const [first] = compilingOnce(() => {
      const kept = Array.from({ length: CACHE_ENTRIES + 10 }, (_, i) => compile(`${i} + 5`));
      for (const [i, one] of kept.entries()) expect(compile(`${i} + 5`)).toBe(one);
      return kept;
    });
    expect(compile('0 + 5')).not.toBe(first);
    const last = compile('"last"');
    for (let i = 0; i < CACHE_ENTRIES; i++) compile(`${i} + 6`);
    expect(compile('"last"')).not.toBe(last);
    expect(() => compilingOnce((): unknown => JSON.parse('no'))).toThrow(SyntaxError);
    const again = compile('"again"');
    for (let i = 0; i < CACHE_ENTRIES; i++) compile(`${i} + 7`);
    expect(compile('"again"')).not.toBe(again);
  });
});
