import { describe, expect, it } from 'vitest';
import { linearPattern, translated } from '../../../definitions/checks/linear-pattern.js';

const TEXTS = [
  ...[
    '',
    'a',
    'ab',
    'aab',
    'ABC',
    'a-b',
    'a b',
    'a\nb',
    'a\u00a0b',
    'a\u2028b',
    '\ufeff',
    '\u000b',
    '😀',
    'x😀y',
  ],
  ...[
    '12',
    '2024-01-31',
    'é',
    'Ω',
    'ä_1',
    '[x]',
    'a]b',
    'a\\b',
    '^',
    '$',
    '(a)',
    '{',
    'a{2}',
    '/',
    '\b',
    '\0',
    '-',
  ],
];
const PATTERNS = [
  ...[
    '^a',
    'b$',
    '^$',
    '^.$',
    '^..$',
    '^.+$',
    'a|b',
    '^(a|b)+$',
    '^(?:a|b)*?$',
    '^(?<x>a)b$',
    'a{1,2}b',
    '^a{2}b',
  ],
  ...[
    '\\s',
    '\\S',
    '^\\S+$',
    '[\\s]',
    '[^\\s]',
    '^[\\S]$',
    '\\d',
    '\\D',
    '^\\w+$',
    '\\W',
    '\\bb',
    '\\Bb',
    '[\\b]',
  ],
  ...[
    '^[a-c]+$',
    '[^a-c]',
    '[-a]',
    '[a-]',
    '[\\-a]',
    '^[\\w\\-]+$',
    '[\\]x]',
    '[[]',
    '[\\^]',
    '[$^]',
    '[.]',
    '[]',
    '[^]',
  ],
  ...[
    '\\u00e9',
    '\\u{1F600}',
    '\\uD83D\\uDE00',
    '^[😀]$',
    '[\\u{1F600}-\\u{1F64F}]',
    '\\x61',
    '\\cA',
    '\\0',
    '\\t',
    '\\v',
  ],
  ...[
    '\\p{L}',
    '\\P{L}',
    '^\\p{Lu}+$',
    '[\\p{L}\\d]',
    '\\{',
    '\\/',
    '\\(a\\)',
    '\\$',
    '\\^',
    '\\\\',
    '\\.',
    '[a\\]b]',
  ],
  ...['^(a?){3}$', '(|a)+', '^(?:)$', 'a+?b', '^[A-Z]{3}$', '^\\d{4}-\\d{2}-\\d{2}$'],
];

describe('a pattern in its linear form', () => {
  it.each(PATTERNS)('%s matches what the engine of JavaScript matches', (pattern) => {
    expect(translated(pattern)).toBeDefined();
    const native = new RegExp(pattern, 'u');
    const linear = linearPattern(pattern);
    expect(linear).not.toBeInstanceOf(RegExp);
    expect(TEXTS.map((text) => [text, linear.test(text)])).toEqual(
      TEXTS.map((text) => [text, native.test(text)]),
    );
  });

  it.each(['(?=a)', '(?!a)a', '(?<=a)b', '(?<!a)b', '(a)\\1', '(?<x>a)\\k<x>', 'a{1001}', '\\uD83D'])(
    '%s has none, so the engine of JavaScript matches it',
    (pattern) => {
      expect(linearPattern(pattern)).toBeInstanceOf(RegExp);
    },
  );

  it('a pattern that JavaScript refuses is refused', () => {
    expect(() => linearPattern('a)')).toThrow(SyntaxError);
  });

  it('a pattern that backtracks without end elsewhere is answered', () => {
    const long = 'a'.repeat(50_000);
    const unlike = `${long}!`;
    const pattern = linearPattern('^(a+)+$');
    expect([pattern.test(long), pattern.test(unlike)]).toEqual([true, false]);
  });
});
