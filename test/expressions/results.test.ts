import { describe, expect, it } from 'vitest';
import { failure, value } from './support/evaluate-in.js';

const KIB = 1024;

describe('a result is JSON', () => {
  it.each([
    '1/0',
    '-1/0',
    '0/0',
    '[1, 1/0]',
    '{"a": 0/0}',
    '$power(10, 308) * 100',
    'function($x){$x}',
    '$uppercase',
    '[$uppercase]',
    '{"f": function(){1}}',
    '$substring(?, 1)',
    '/a/',
    '$match("a", /a/)[0] ~> function($m) { /b/ }',
    '$string(1/0)',
    '1/0 + 1',
  ])('a result that is not JSON is an error: %s', (source) => {
    expect(failure(source).code).toBe('EXPRESSION_NOT_JSON');
  });

  it('a value that contains itself is an error', () => {
    expect(failure('$ ~> |a|{"self": $}|', { a: { n: 1 } }).code).toBe('EXPRESSION_NOT_JSON');
  });

  it('values that JSON does not have are left out or converted', () => {
    expect(Object.is(value('-zero', { zero: 0 }), 0)).toBe(true);
    expect(value('$match("b", /(a)?b/).groups')).toEqual([null]);
    expect(value('[$match("b", /(a)?(b)/)]')).toEqual([{ match: 'b', index: 0, groups: [null, 'b'] }]);
    expect(Object.getPrototypeOf(value('{"a": 1}'))).toBe(Object.prototype);
    expect(Reflect.ownKeys(value('[1, 2][$ > 0]') as object)).toEqual(['0', '1', 'length']);
  });

  it('lone surrogates stay unchanged', () => {
    expect(value('$substring(s, 0)', { s: 'a\ud800b' })).toBe('a\ud800b');
  });
});

describe('a list sorted at the end of a function', () => {
  it('the list is sorted, although the package fails there because a tail call passes its function unwrapped', () => {
    expect(value('($f := function($l) { $sort($l, function($a, $b) { $a > $b }) }; $f([2, 3, 1]))')).toEqual([
      1, 2, 3,
    ]);
  });
});

describe('undefined', () => {
  it('an undefined result is null if no value is required', () => {
    for (const source of [
      'missing',
      'a[b=1]',
      '()',
      '(1; missing)',
      '[1][5]',
      '$sum(missing)',
      'false ? 1',
    ]) {
      expect(value(source), source).toBeNull();
    }
  });

  it('an undefined result is an error if a value is required', () => {
    expect(failure('missing', {}, {}, { required: true }).code).toBe('EXPRESSION_UNDEFINED');
    expect(value('n', { n: null }, {}, { required: true })).toBeNull();
    expect(value('false', {}, {}, { required: true })).toBe(false);
  });

  it('an undefined operand makes both = and != false, as in JSONata', () => {
    expect(value('[missing = "x", missing != "x", missing = missing]')).toEqual([false, false, false]);
  });
});

describe('the size of a result', () => {
  it('a result has at most 256 KiB of UTF-8 JSON', () => {
    const text = 'x'.repeat(256 * KIB - 2);
    expect(value('t', { t: text })).toBe(text);
    expect(failure('t & "x"', { t: text }).code).toBe('EXPRESSION_TOO_LARGE');
    // Each takes two bytes, and a control character six.
    expect(failure('t & ""', { t: 'é'.repeat(130 * KIB) }).code).toBe('EXPRESSION_TOO_LARGE');
    expect(failure('t & ""', { t: '\u0001'.repeat(50 * KIB) }).code).toBe('EXPRESSION_TOO_LARGE');
    expect(failure('[1..200000]').code).toBe('EXPRESSION_TOO_LARGE');
    const payload = { a: Array.from({ length: 400_000 }, () => 0) };
    expect(failure('{"copy": payload}', { payload }).code).toBe('EXPRESSION_TOO_LARGE');
  });

  it('a bare path hands a large value on as it is, and what is made of one keeps its limit', () => {
    const large = { text: 'x'.repeat(300 * KIB), lines: [[1, 2], [3]], one: [7] };
    const payload = { order: { large }, list: [{ large }] };
    for (const path of ['payload.order.large', '$payload.order.large', '$$.payload.order.large']) {
      expect(value(path, { payload }, { payload })).toBe(large);
    }
    for (const made of [
      'payload.order.large[0]',
      'payload.order.large[]',
      'payload.list.large',
      '$string(payload)',
    ]) {
      expect(failure(made, { payload }).code).toBe('EXPRESSION_TOO_LARGE');
    }
    expect(failure('payload.order.large', { payload }, {}, { handsOn: () => false }).code).toBe(
      'EXPRESSION_TOO_LARGE',
    );
  });

  it('$pad makes a text as wide as any other text may be', () => {
    expect(value('$pad("a", 250000, "bc")')).toBe(`a${'bc'.repeat(125_000)}`.slice(0, 250_000));
    expect(value('$length($pad("", -400000))')).toBe(400_000);
    expect(failure('$length($pad("", 1048577))').code).toBe('EXPRESSION_BUDGET');
    expect(failure('$pad("", 50000)', {}, {}, { padsWide: () => false }).code).toBe('EXPRESSION_BUDGET');
    // What joins to something counts as before.
    expect(value('$length($join($map([1..50000], $string)))')).toBe(238_894);
  });

  it('a small selection of a large input is a valid result', () => {
    expect(value('payload.b', { payload: { a: 'x'.repeat(900 * KIB), b: 1 } })).toBe(1);
  });
});

describe('an error', () => {
  it.each([
    ['1 + "a"', 'EXPRESSION_TYPE', 'T2002'],
    ['[1] < 2', 'EXPRESSION_TYPE', 'T2010'],
    ['$sum(["a"])', 'EXPRESSION_TYPE', 'T0412'],
    ['$error("out of stock")', 'EXPRESSION_TYPE', 'D3137'],
    ['$assert(false, "no")', 'EXPRESSION_TYPE', 'D3141'],
    ['$number("x")', 'EXPRESSION_TYPE', 'D3030'],
    ['("a")()', 'EXPRESSION_TYPE', 'T1006'],
    ['$ ~> |$|1|', 'EXPRESSION_TYPE', 'T2011'],
    ['1 +', 'EXPRESSION_SYNTAX', 'S0207'],
    ['$power(9, 999)', 'EXPRESSION_NOT_JSON', 'D3061'],
    ['"a" & (1/0)', 'EXPRESSION_NOT_JSON', 'D3001'],
  ])('the error of %s has the code %s and the code of JSONata', (source, code, jsonata) => {
    const error = failure(source, {}, {}, { at: 'steps[2].when' });
    expect(error.code).toBe(code);
    expect(error.category).toBe('expression');
    expect(error.retryable).toBe(false);
    expect(error.details).toMatchObject({ source, at: 'steps[2].when', jsonata });
    expect(typeof (error.details as { position: unknown }).position).toBe('number');
    expect(error.message).not.toContain('{{');
  });

  it('an error keeps the message of the author', () => {
    expect(failure('$error("out of stock")').message).toBe('out of stock');
  });

  it('an error of the runtime has a code, too', () => {
    for (const source of [
      '$formatNumber(1, "#", {"zero-digit": 5})',
      '$uppercase(?)(5)',
      '$formatBase(1e300, 2) ~> $length() > 0 ? $error() : 1',
      '$fromMillis(1e20)',
    ]) {
      expect(failure(source).code, source).toMatch(/^EXPRESSION_(TYPE|NOT_JSON)$/);
    }
  });

  it('an error shows no large or private values', () => {
    const secret = { password: 'hunter2'.repeat(100) };
    expect(failure('secret + 1', { secret }).message).not.toContain('hunter2');
    expect(failure('$number(text)', { text: 'x'.repeat(10_000) }).message.length).toBeLessThan(500);
    expect(JSON.stringify(failure('1 + '.repeat(3_000)).details).length).toBeLessThan(2_000);
  });

  it('an error has the same message on every evaluation, independent of earlier ones', () => {
    const source = '"a" ~> $sum';
    const first = failure(source);
    failure('          $sum(["x"])');
    failure('$map([["x"]], $sum)');
    const again = failure(source);
    expect([again.message, again.details]).toEqual([first.message, first.details]);
  });
});
