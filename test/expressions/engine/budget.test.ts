import { describe, expect, it } from 'vitest';
import { check } from '../../../expressions/index.js';
import { forgetCompiled } from '../../../expressions/compile.js';
import { MAX_STEPS } from '../../../expressions/budget/limits.js';
import { failure, value } from '../support/evaluate-in.js';

/** Processor time, because the budget does not depend on the load of the machine. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

const numbers = (length: number) => Array.from({ length }, (_, i) => i);
const big = { a: numbers(10_000), b: numbers(10_000) };
const nested = (depth: number) => JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as [];

/**
 * Source, input and expected message. Without the budget, each would run for minutes, take gigabytes, or
 * crash.
 */
const table: [what: string, source: string, says: RegExp, root?: Record<string, never> | object][] = [
  ['endless tail recursion', '($f := function($x){ $f($x) }; $f(1))', /steps/],
  ['endless recursion', '($f := function($x){ 1 + $f($x) }; $f(1))', /deeper/],
  [
    'endless mutual recursion',
    '($f := function($x){ $g($x) & "" }; $g := function($x){ $f($x) & "" }; $f(1))',
    /deeper/,
  ],
  ['a function that applies itself', '(function($f){ $f($f) })(function($f){ $f($f) })', /steps|deeper/],
  ['a cross join of two lists of 10,000', 'a@$x.$$.b@$y.($x + $y)', /steps/, big],
  [
    'a nested map of two lists of 10,000',
    '$map(a, function($x) { $map($$.b, function($y) { $x * $y }) })',
    /steps/,
    big,
  ],
  ['a join by predicate', 'a@$x.$$.b[$ = $x]', /steps/, big],
  ['10,000 different objects compared with each other', '$distinct(a.{"v": $})', /steps/, big],
  ['a million calls of a built-in', '$filter([1..1000000], $boolean)', /steps/],
  ['a range of ten million', '[1..10000000]', /list/],
  ['a range of a million millions', '[1..1000000000000]', /range|sequence/],
  ['text that doubles', '($f := function($s, $n){ $n = 0 ? $s : $f($s & $s, $n - 1) }; $f("x", 60))', /text/],
  ['padding', '$pad("x", 2000000000)', /list|text/],
  ['padding by a long filler', '$pad("x", 900000, "0123456789")', /text/],
  ['a joined text', '$join([1..100000].("0123456789012345678901234567890123456789"))', /text|steps/],
  [
    'a replacement that grows',
    '$replace($pad("", 100000, "a"), /a/, "0123456789012345678901234567890123456789")',
    /text|steps/,
  ],
  [
    'a list that doubles',
    '($f := function($l, $n){ $n = 0 ? $l : $f($append($l, $l), $n - 1) }; $f([1, 2], 60))',
    /list|steps/,
  ],
  ['a date picture', '$fromMillis(0, "[Y,2000000000-2000000000]")', /list/],
  ['a number in roman numerals', '$formatInteger(100000000, "I")', /deeper/],
  ['values that contain themselves', '$ ~> |a|{"a": $}| ~> $string()', /deeper|steps/, { a: { b: 1 } }],
  [
    'values nested by a loop',
    '($f := function($x, $n){ $n = 0 ? $x : $f([[$x]], $n - 1) }; $string($f(1, 5000)))',
    /deeper/,
  ],
  ['deep values compared', 'a = b', /deeper/, { a: nested(3_000), b: nested(3_000) }],
  ['deep values walked', '$count(**)', /deeper/, { a: nested(3_000) }],
  ['deep values looked up', 'a.x', /deeper/, { a: nested(3_000) }],
  [
    'deep values tested',
    'a ? 1 : 2',
    /deeper/,
    { a: JSON.parse('['.repeat(3_000) + '1' + ']'.repeat(3_000)) as [] },
  ],
  [
    'a chain of partial applications',
    '($f := function($o, $n){ $n = 0 ? $o : $f({"p": $o.p(?)}, $n - 1) }; $f({"p": function($a){ $a }}, 100000))',
    /partially/,
  ],
  ['nested quantifiers', '$contains("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", /^(a+)+$/)', /steps/],
  ['ambiguous alternatives', '$match("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", /^(a|aa)+$/)', /steps/],
  ['many loops over long text', '$contains($pad("", 20000, "a"), /a*a*a*a*b/)', /steps/],
  ['back references', '$contains($pad("", 2000, "a"), /(a*)(a*)(a*)\\1\\2\\3b/)', /steps/],
  [
    'a date picture of many names',
    '$toMillis($pad("", 200, "a") & "1 +00:00", "[Ya][Ma][Da][Ha][ma][sa][Ya][MNn][FNn][MNn] [Z01:01]")',
    /steps/,
  ],
  [
    'a signature of many repetitions',
    `(function($a)<s+s+s+s+s+s+s+n>{1})(${Array.from({ length: 150 }, () => '"x"').join(',')})`,
    /steps/,
  ],
];

describe('the budget', () => {
  for (const [what, source, says, root = {}] of table) {
    it(`the budget ends ${what} with a code`, () => {
      const before = cpuMs();
      const error = failure(source, root as Record<string, never>);
      expect(error.code).toBe('EXPRESSION_BUDGET');
      expect(error.message).toMatch(says);
      // Far above the usual time, far below the limit of the workflow's deadlock detector.
      expect(cpuMs() - before).toBeLessThan(4_000);
    });
  }

  it('every evaluation of an expression costs the same, with a cold and a warm cache', () => {
    const sources = [
      '$sort([3,1,2])',
      'a[$ > 9990]',
      '$fromMillis(0)',
      '$match("abc", /b/)',
      '$map([1,2], $string)',
      '$toMillis("1 1 2024 +0000", "[D] [M] [Y] [Z0000]")',
      '$append(?, 1)([2])',
    ];
    const spent = () =>
      sources.map((source) => {
        const meter = { spent: 0 };
        value(source, big, {}, { meter });
        return meter.spent;
      });
    forgetCompiled();
    const cold = spent();
    expect(spent()).toEqual(cold);
    expect(cold.every((units) => units > 0 && units < MAX_STEPS)).toBe(true);
  });

  it('the meter counts the work of an expression, even if it fails', () => {
    const meter = { spent: 100 };
    expect(failure('($f := function($x){ $f($x) }; $f(1))', {}, {}, { meter }).code).toBe(
      'EXPRESSION_BUDGET',
    );
    expect(meter.spent).toBe(100 + MAX_STEPS);
  });

  it('the budget suffices for ordinary work on thousands of items', () => {
    const lines = numbers(10_000).map((i) => ({ sku: `s${i % 100}`, qty: i % 7, price: i / 10 }));
    const root = { lines };
    expect(value('$sum(lines.(qty * price))', root)).toBeGreaterThan(0);
    expect(value('$count(lines[qty > 3 and price < 500])', root)).toBeGreaterThan(0);
    expect(value('$count($keys(lines{sku: $sum(qty)}))', root)).toBe(100);
    expect(value('$count($distinct(lines.sku))', root)).toBe(100);
    expect(value('lines^(>price)[0].sku', { lines: lines.slice(0, 2_000) })).toBe('s99');
    expect(value('$sum($map([1..20000], function($i) { $i * 2 }))')).toBe(400_020_000);
    expect(value('($f := function($n, $acc) { $n = 0 ? $acc : $f($n - 1, $acc + $n) }; $f(10000, 0))')).toBe(
      50_005_000,
    );
    expect(value('($f := function($n) { $n <= 1 ? 1 : $n * $f($n - 1) }; $f(60))')).toBeGreaterThan(1e80);
  });
});

describe('the budget of parsing', () => {
  const doubled = (operator: string, depth: number) =>
    '('.repeat(depth) + 'a' + ` ${operator} 1)`.repeat(depth);
  it.each([
    ['deep parentheses', '('.repeat(5_000)],
    ['deep arrays', '['.repeat(16_000)],
    ['long sums', '1' + '+1'.repeat(10_000)],
    ['long paths', 'a' + '.a'.repeat(10_000)],
    ['copies of copies by ??', doubled('??', 40)],
    ['copies of copies by ?:', doubled('?:', 40)],
    ['comments upon comments', '/**/'.repeat(8_000) + '1'],
    ['unary operators', '-'.repeat(20_000) + '1'],
    ['a source that is too long', `"${'x'.repeat(40_000)}"`],
  ])('the budget of parsing ends %s with a code', (_, source) => {
    const before = cpuMs();
    expect(check(source)[0]?.code).toBe('EXPRESSION_BUDGET');
    expect(failure(source).code).toBe('EXPRESSION_BUDGET');
    expect(cpuMs() - before).toBeLessThan(4_000);
  });

  it('publish refuses regular expressions that are too large or unsupported', () => {
    expect(check('$match(a, /(x{500}){500}/)')[0]).toMatchObject({ code: 'EXPRESSION_SYNTAX', position: 10 });
    expect(check('$match(a, /(?<=x)y/)')[0]?.message).toContain('lookbehind');
  });
});
