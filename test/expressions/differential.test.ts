import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FUNCTIONS } from '../../expressions/index.js';
import type { Json, JsonObject } from '../../contracts/json.js';
import { expressionInput, expressionSource } from './support/grammar.js';
import type { Outcome } from './support/reference.js';
import { orderedReferenceOutcome, rawOutcome, referenceOutcome, sluiceOutcome } from './support/reference.js';

const corpus = JSON.parse(readFileSync(new URL('./support/corpus.json', import.meta.url), 'utf8')) as {
  input: JsonObject;
  groups: { group: string; sources: string[] }[];
};

const same = (reference: Outcome, ours: Outcome): boolean =>
  'error' in reference && reference.error === 'runtime'
    ? 'error' in ours
    : JSON.stringify(reference) === JSON.stringify(ours);

/**
 * If the reference changes its input (an empty array gets an undefined element), its answer does not count.
 */
async function changesInput(source: string, input: Json): Promise<boolean> {
  const { default: jsonata } = await import('jsonata');
  const copy = structuredClone(input);
  await jsonata(source)
    .evaluate(copy)
    .catch(() => undefined);
  return JSON.stringify(copy) !== JSON.stringify(input);
}

const pairs = fc.sample(fc.tuple(expressionSource, expressionInput), { numRuns: 6_000, seed: 4 });

describe('the synchronous engine equals the jsonata package', () => {
  const written = corpus.groups.flatMap(({ group, sources }) => sources.map((source) => ({ group, source })));

  it('the corpus has at least 300 written cases that use every operator and built-in', () => {
    expect(written.length).toBeGreaterThanOrEqual(300);
    const all = written.map(({ source }) => source).join('\n');
    for (const { name, kind } of FUNCTIONS) if (kind === 'built-in') expect(all).toContain(`$${name}`);
    for (const operator of [
      '.',
      '[',
      '{',
      '(',
      '@',
      '#',
      '?',
      '+',
      '-',
      '*',
      '/',
      '%',
      '|',
      '=',
      '<',
      '>',
      '^',
      '**',
      '..',
      ':=',
      '!=',
      '<=',
      '>=',
      '~>',
      '?:',
      '??',
      ' and ',
      ' or ',
      ' in ',
      '&',
    ]) {
      expect(all).toContain(operator);
    }
  });

  for (const { group, sources } of corpus.groups) {
    it(`both give the same results for the written cases of ${group}`, async () => {
      for (const source of sources) {
        const reference = await orderedReferenceOutcome(source, corpus.input);
        const ours = rawOutcome(source, corpus.input);
        if (!same(reference, ours) && !(await changesInput(source, corpus.input))) {
          expect({ source, ours }).toEqual({ source, ours: reference });
        }
      }
    });
  }

  it(
    'both give the same results for 6,000 generated pairs of expression and input',
    { timeout: 120_000 },
    async () => {
      const different: unknown[] = [];
      let unordered = 0;
      let spoilt = 0;
      for (const [source, input] of pairs) {
        const ours = rawOutcome(source, input);
        if (same(await referenceOutcome(source, input), ours)) continue;
        const reference = await orderedReferenceOutcome(source, input);
        if (same(reference, ours)) unordered++;
        else if (await changesInput(source, input)) spoilt++;
        else different.push({ source, input, ours, reference });
      }
      expect(different).toEqual([]);
      expect(unordered).toBeLessThan(30);
      expect(spoilt).toBeLessThan(10);
    },
  );
});

describe('evaluation with the allow-list equals the bare engine', () => {
  it('both give the same results for 6,000 generated pairs', { timeout: 120_000 }, () => {
    for (const [source, input] of pairs) {
      const raw = rawOutcome(source, input);
      const ours = sluiceOutcome(source, input);
      if ('error' in raw) {
        expect(ours, source).toHaveProperty('error');
      } else if (raw.json === undefined) {
        expect(ours, source).toEqual({ json: 'null' });
      } else if (raw.json.includes('ƒ')) {
        expect(ours, source).toEqual({ error: 'EXPRESSION_NOT_JSON' });
      } else if ('error' in ours) {
        expect(ours.error, source).toMatch(/^EXPRESSION_(NOT_JSON|DISALLOWED_FUNCTION)$/);
      } else {
        expect(ours, source).toEqual({ json: raw.json });
      }
    }
  });
});
