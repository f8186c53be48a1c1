import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../contracts/json.js';
import { compile, forgetCompiled } from '../../../expressions/compile.js';
import { CACHE_ENTRIES } from '../../../expressions/budget/limits.js';
import { sluiceOutcome } from '../support/reference.js';

const corpus = JSON.parse(readFileSync(new URL('../support/corpus.json', import.meta.url), 'utf8')) as {
  input: JsonObject;
  groups: { sources: string[] }[];
};
const sources = corpus.groups.flatMap((group) => group.sources);

describe('the cache of compiled expressions', () => {
  it('changes no outcome, cold or warm, in any order', () => {
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

  it('keeps what was used last', () => {
    forgetCompiled();
    const kept = compile('1 + 1');
    for (let i = 0; i < CACHE_ENTRIES - 1; i++) compile(`${i} + 2`);
    expect(compile('1 + 1')).toBe(kept);
    // Used just now, it outlives the others.
    for (let i = 0; i < CACHE_ENTRIES - 1; i++) compile(`${i} + 3`);
    expect(compile('1 + 1')).toBe(kept);
    for (let i = 0; i < CACHE_ENTRIES; i++) compile(`${i} + 4`);
    expect(compile('1 + 1')).not.toBe(kept);
  });

  it('is bounded in size as well', () => {
    forgetCompiled();
    const first = compile('"first"');
    for (let i = 0; i < 60; i++) compile(`"${String(i).padEnd(20_000, 'x')}"`);
    expect(compile('"first"')).not.toBe(first);
    // And goes on keeping what fits.
    expect(compile('"first"')).toBe(compile('"first"'));
    const last = compile('"last"');
    compile('"first"');
    expect(compile('"last"')).toBe(last);
  });
});
