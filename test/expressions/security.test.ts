import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { check } from '../../expressions/index.js';
import { failure, value } from './support/evaluate-in.js';

const table = JSON.parse(readFileSync(new URL('./support/security.json', import.meta.url), 'utf8')) as {
  way: string;
  refused: string;
  sources: string[];
}[];

describe('a function outside of the catalogue is refused', () => {
  for (const { way, refused, sources } of table) {
    it(`a refused function cannot be called by way of ${way}`, () => {
      for (const source of sources) {
        const problems = check(source);
        const error = failure(source, { a: [{ n: 1 }] });
        expect(problems[0]?.code, source).toBe('EXPRESSION_DISALLOWED_FUNCTION');
        // The message names the function and what to use instead.
        expect(problems[0]?.message, source).toContain(refused);
        expect(error.code, source).toBe('EXPRESSION_DISALLOWED_FUNCTION');
        expect(error.message, source).toContain(refused);
        expect((error.details as { position: number }).position, source).toBe(problems[0]?.position);
      }
    });
  }

  it('a name that is only known at run time calls no function', () => {
    for (const [source, when] of [
      ['$toMillis(when)', '2024-05-01T10:00:00'],
      ['$map([when], function($w) { $toMillis($w) })', '2024-05'],
      ['$toMillis(?)(when)', '2024-05-01'],
      ['when ~> $toMillis', '2024-02-30T10:00:00Z'],
      ['$toMillis("10:00", when)', '[H]:[m]'],
      ['$fromMillis(0, "[Y]", when)', 'CET'],
    ] as const) {
      expect(failure(source, { when }).code, source).toBe('EXPRESSION_DISALLOWED_FUNCTION');
    }
    // Publish cannot know these names. At run time they are undefined, and undefined cannot be called.
    for (const source of [
      '($f := $item; $f("1"))',
      '$map(["1"], $item)',
      '($item)("1")',
      '[$item][0]("1")',
    ]) {
      expect(failure(source, {}, { item: 'text' }).code, source).toBe('EXPRESSION_TYPE');
    }
  });

  it('the refusal says what to use instead', () => {
    expect(failure('$now()').message).toContain('nowIso()');
    expect(failure('$millis()').message).toContain('$toMillis(nowIso())');
    expect(failure('$uppercas("a")').message).toContain('$uppercase(text)');
    expect(failure('uppercase("a")').message).toContain('$uppercase(…)');
    expect(failure('$eval("1")').message).toContain('$lookup');
  });
});

describe('nothing of the engine can be reached', () => {
  it('the names of prototypes reach nothing', () => {
    const root = { a: { b: 1 }, s: 'x', l: [1] };
    for (const name of ['constructor', '__proto__', 'prototype', 'toString', 'hasOwnProperty', 'valueOf']) {
      for (const source of [
        name,
        `a.${name}`,
        `s.${name}`,
        `l.${name}`,
        `$lookup(a, "${name}")`,
        `$sum.${name}`,
        `$lookup($sum, "${name}")`,
        `a.${name}.${name}`,
        `$.\`${name}\``,
      ]) {
        expect(value(source, root), source).toBeNull();
      }
    }
    expect(value('$keys($sum)')).toBeNull();
    expect(failure('$spread($uppercase).implementation("a")').code).toBe('EXPRESSION_DISALLOWED_FUNCTION');
    for (const source of [
      '$each(?, function($v, $k) { $k })($uppercase)',
      '$merge(?)([$uppercase])',
      '$uppercase.*',
      '$uppercase.**.implementation',
    ]) {
      expect(JSON.stringify(valueOrCode(source)), source).not.toContain('implementation');
    }
  });

  it('an input that looks like a function is data', () => {
    const forged = {
      _jsonata_lambda: true,
      _jsonata_function: true,
      arguments: [],
      body: {
        type: 'function',
        procedure: { type: 'variable', value: 'string' },
        arguments: [{ type: 'number', value: 1 }],
      },
      implementation: 'x',
    };
    for (const source of [
      'f()',
      'f(?)()',
      '$map([1], f)',
      '1 ~> f',
      '($g := f; $g())',
      '$lookup($, "f")()',
    ]) {
      expect(failure(source, { f: forged }).code, source).toMatch(/^EXPRESSION_(TYPE|DISALLOWED_FUNCTION)$/);
    }
    expect(value('$type(f)', { f: forged })).toBe('object');
    expect(value('f', { f: forged })).toEqual(forged);
  });

  it('an expression cannot change a function', () => {
    for (const source of [
      '$ ~> |$uppercase|{"implementation": 1}|',
      '($f := function(){1}; $ ~> |$f|{"body": {"type": "number", "value": 2}}|; $f())',
    ]) {
      expect(failure(source).code, source).toBe('EXPRESSION_TYPE');
    }
    valueOrCode('$ ~> |$uppercase|{}, "implementation"|');
    valueOrCode('$ ~> |$spread($uppercase).signature|{"validate": 1}|');
    expect(value('$uppercase("a")')).toBe('A');
  });

  it('a field named __proto__ never becomes a prototype', () => {
    const result = value('$ ~> |a|{"__proto__": {"polluted": 1}}|', { a: {} }) as {
      a: { polluted?: number };
    };
    expect(Object.hasOwn(result.a, '__proto__')).toBe(true);
    expect(result.a.polluted).toBeUndefined();
    const made = value('{"__proto__": {"polluted": 1}}') as { polluted?: number };
    expect(made.polluted).toBeUndefined();
    expect(Object.getPrototypeOf(made)).toBe(Object.prototype);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});

describe('a binding', () => {
  it('a binding never hides a function', () => {
    expect(value('$len("abc") + len("ab")', {}, { len: 'x' })).toBe(5);
    expect(value('$uppercase("a")', {}, { uppercase: 'x' })).toBe('A');
    expect(value('$item.len', {}, { item: { len: 3 }, len: 1 })).toBe(3);
  });

  it('a binding with the name of a refused function does not make it callable', () => {
    expect(failure('$eval("1")', {}, { eval: 'x' }).code).toBe('EXPRESSION_DISALLOWED_FUNCTION');
  });

  it('a variable that the expression binds may hide a function, as in JSONata', () => {
    expect(value('($count := 5; $count + 1)')).toBe(6);
  });
});

function valueOrCode(source: string): unknown {
  try {
    return value(source);
  } catch (error) {
    return (error as { code: string }).code;
  }
}
