import { describe, expect, it } from 'vitest';
import { check, evaluateRaw } from '../../../expressions/index.js';
import { failure, value } from '../support/evaluate-in.js';

describe('== means =', () => {
  it.each([
    ['1 == 1', true],
    ['1==2', false],
    ['a=="x"', true],
    ['a == "x" and a = "x"', true],
    ['a == "x" ? 1 : 2', 1],
    ['l[n==2].n', 2],
    ['a==a==true', true],
    ['(1)==(1)', true],
    ['a/* == */==/* == */"x"', true],
  ])('== is equality in %s', (source, expected) => {
    expect(value(source, { a: 'x', l: [{ n: 1 }, { n: 2 }] })).toBe(expected);
  });

  it.each([
    ['"a==b"', 'a==b'],
    ["'a == b'", 'a == b'],
    ['"\\"==\\""', '"=="'],
    ["'\\'==\\\\'", undefined],
    ['`a==b`', 1],
    ['$replace("x==y", /==/, "-")', 'x-y'],
    ['$contains("a==", /[/]?a==/)', true],
    ['$replace("a/==b", /\\/==/, "-")', 'a-b'],
    ['4/2 == 2 and "=="="=="', true],
    ['/* == " */ 1', 1],
  ])('== is unchanged in texts, names, patterns and comments: %s', (source, expected) => {
    if (expected === undefined) expect(failure(source).code).toBe('EXPRESSION_SYNTAX');
    else expect(value(source, { 'a==b': 1 })).toBe(expected);
  });

  it('other spellings of equality are syntax errors', () => {
    for (const source of ['1 === 1', '1 !== 1', 'a = = b', '== 1', '1 ==']) {
      expect(check(source)[0]?.code, source).toBe('EXPRESSION_SYNTAX');
    }
    expect(failure('1 === 1').message).toContain('==');
  });
});

describe('a bare call of a helper', () => {
  it.each([
    ['len(a)', 3],
    ['len (a)', 3],
    ['len/* c */(a)', 3],
    ['$len(a)', 3],
    ['a ~> len()', 3],
    ['$.len(a)', 3],
    ['l.len(name)', [1, 2]],
    ['toString(toString(1))', '1'],
    ['coalesce(missing, len(a))', 3],
    ['{"len": len(a)}.len', 3],
    ['len', 7],
    ['$.len', 7],
    ['`len`', 7],
    ['"len(a)"', 'len(a)'],
    ['$replace("len(a)", /len\\(a\\)/, "x")', 'x'],
    ['append(l.name, "c")', ['a', 'bb', 'c']],
    ['$append(l.name, ["c"])', ['a', 'bb', 'c']],
    ['append(l.name, ["c"])', ['a', 'bb', ['c']]],
  ])('a bare call is a helper and a bare name is a field: %s', (source, expected) => {
    expect(value(source, { a: 'abc', len: 7, l: [{ name: 'a' }, { name: 'bb' }] })).toEqual(expected);
  });

  it('a quoted name is not a call of a helper', () => {
    expect(failure('`len`("a")').code).toBe('EXPRESSION_DISALLOWED_FUNCTION');
    expect(value('{"len": function($x) { "own" }}.`len`(1)')).toBe('own');
  });

  it('the bare engine has neither == nor bare calls of helpers', () => {
    for (const source of ['1 == 1', 'len("a")']) expect(() => evaluateRaw(source, {}), source).toThrow();
  });
});

describe('the position of a problem', () => {
  it.each([
    ['a == b == $evil(1)', 10],
    ['  $eval("1")', 2],
    ['"==" & $now()', 7],
    ['len(a) + $foo(1)', 9],
    ['a +', 3],
    ['a ] b', 2],
    ['a == "b', 7],
    ['(1 + 2', 6],
  ])('the problem of %s has its position in the source', (source, position) => {
    expect(check(source)[0]?.position).toBe(position);
    expect(failure(source).details).toMatchObject({ source, position });
  });

  it('an error at run time has the position of its cause in the source', () => {
    expect(failure('a or 1 + "x"').message).toContain('"+"');
    expect(failure('true and 1 + "x"').details).toMatchObject({ position: 11, jsonata: 'T2002' });
    expect(failure('len(1)').details).toMatchObject({ position: 3 });
  });
});

describe('check', () => {
  it('check lists every problem of the allow-list', () => {
    expect(check('$eval("1") & $now() & uppercase("a")').map(({ message }) => message)).toHaveLength(3);
  });

  it('check finds no problem in a valid expression', () => {
    for (const source of [
      'payload.total > 3',
      '$item.a',
      '$custom',
      '($f := $item; 1)',
      '$map([1], function($x) { $x })',
    ]) {
      expect(check(source), source).toEqual([]);
    }
  });
});
