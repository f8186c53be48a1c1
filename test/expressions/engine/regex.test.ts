import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Meter } from '../../../expressions/metering/meter.js';
import { MeteredRegExp } from '../../../expressions/regex/metered-regexp.js';
import { compileRegex } from '../../../expressions/regex/program.js';
import { readRegex } from '../../../expressions/regex/syntax.js';

const atom = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom('a', 'b', 'A', 'é', 'ß', '1', '-', ' ', ']', '}', '{', '{a}', '/'),
  },
  {
    weight: 5,
    arbitrary: fc.constantFrom(
      '.',
      '\\d',
      '\\w',
      '\\W',
      '\\s',
      '\\S',
      '[ab]',
      '[^a]',
      '[a-c1]',
      '[^\\]b]',
      '[]',
      '[^]',
      '[\\b]',
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '\\x61',
      '\\u0041',
      '\\cA',
      '\\c',
      '\\0',
      '\\12',
      '\\8',
      '\\.',
      '\\k',
      '\\p',
      '\\/',
      '\\t',
      '\\u00',
      '\\x4',
    ),
  },
  { weight: 2, arbitrary: fc.constantFrom('^', '$', '\\b', '\\B') },
  { weight: 2, arbitrary: fc.constantFrom('\\1', '\\2', '\\3') },
);
const quantifier = fc.constantFrom(
  '',
  '',
  '',
  '*',
  '+',
  '?',
  '*?',
  '+?',
  '??',
  '{2}',
  '{1,2}',
  '{0,2}?',
  '{1,}',
  '{,2}',
);
const pattern = fc.letrec<{ choice: string; sequence: string; item: string }>((tie) => ({
  choice: fc.array(tie('sequence'), { minLength: 1, maxLength: 3 }).map((options) => options.join('|')),
  sequence: fc.array(tie('item'), { maxLength: 4 }).map((items) => items.join('')),
  item: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'regex' },
    fc.tuple(atom, quantifier).map(([a, q]) => (/^(\^|\$|\\[bB])$/.test(a) ? a : a + q)),
    fc
      .tuple(fc.constantFrom('(', '(', '(?:', '(?=', '(?!', '(?<n>'), tie('choice'), quantifier)
      .map(([open, body, q]) => `${open}${body})${q}`),
  ),
})).choice;
const text = fc.string({
  unit: fc.constantFrom(
    'a',
    'b',
    'A',
    'B',
    '1',
    ' ',
    '\n',
    '-',
    'é',
    'ß',
    'ſ',
    'K',
    '\u2028',
    '\u0001',
    '\n',
    '/',
    '{',
    '8',
  ),
  maxLength: 10,
});

const plain = (match: RegExpExecArray | readonly (string | undefined)[] | null) =>
  match === null ? null : [...match];

describe('a metered regular expression', () => {
  it(
    'a metered expression matches as JavaScript does, step by step and natively',
    { timeout: 120_000 },
    () => {
      let compared = 0;
      fc.assert(
        fc.property(pattern, fc.constantFrom('g', 'gi', 'gm', 'gim'), text, (source, flags, subject) => {
          let native: RegExp;
          try {
            native = new RegExp(source, flags);
          } catch {
            return;
          }
          const metered = new MeteredRegExp(new Meter(), source, flags);
          const counted = new MeteredRegExp(new Meter(), source, flags);
          // Without the native short cut, the matcher finds every match.
          Object.assign(counted, {
            compiled: { ...compileRegex(readRegex(source, flags.includes('i'))), nativeCost: () => Infinity },
          });
          for (let turn = 0; turn < 3; turn++) {
            const expected = native.exec(subject);
            for (const ours of [metered, counted]) {
              const match = ours.exec(subject);
              expect(plain(match), `/${source}/${flags} on ${JSON.stringify(subject)}`).toEqual(
                plain(expected),
              );
              expect(match?.index).toBe(expected?.index);
              expect(ours.lastIndex).toBe(native.lastIndex);
            }
            compared++;
            if (!expected || expected[0] === '') break;
          }
        }),
        { seed: 4, numRuns: 12_000 },
      );
      expect(compared).toBeGreaterThan(6_000);
    },
  );

  it('every character of the basic plane matches under /i as in JavaScript', () => {
    for (const source of ['k', 's', 'ß', 'σ', 'ı', 'İ', 'µ', 'Ω']) {
      const native = new RegExp(`^${source}$`, 'i');
      const metered = new MeteredRegExp(new Meter(), `^(?:${source})$`, 'i');
      Object.assign(metered, {
        compiled: { ...compileRegex(readRegex(`^(?:${source})$`, true)), nativeCost: () => Infinity },
      });
      for (let unit = 0; unit < 0x10000; unit++) {
        const char = String.fromCharCode(unit);
        if (native.test(char) !== metered.test(char)) {
          expect.unreachable(`/${source}/i on U+${unit.toString(16)}`);
        }
      }
    }
  });

  it('the native engine is used only if its work is bounded', () => {
    const cost = (source: string, length: number) =>
      compileRegex(readRegex(source, false)).nativeCost(length);
    expect(cost('(a+)+$', 5)).toBe(Infinity);
    expect(cost('(a|aa)*$', 5)).toBe(Infinity);
    expect(cost('(a)\\1', 5)).toBe(Infinity);
    expect(cost('a*a*a*a*b', 100)).toBeGreaterThan(1e9);
    expect(cost('^[A-Z]{2}\\d+$', 12)).toBeLessThan(20_000);
  });
});
