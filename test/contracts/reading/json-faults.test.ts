import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonFaults } from '../../../contracts/reading/json-faults.js';
import { parseJson } from '../../../contracts/reading/parse-json.js';
import { readJson } from '../../../contracts/reading/read-json.js';

const LARGE = 'is an integer beyond ±(2^53 − 1), which would lose digits: send it as text';
const NOT_FINITE = 'is a number that no double holds: send it as text';

describe('a repeated key', () => {
  const codes = { syntax: 'INPUT_INVALID', value: 'PAYLOAD_INVALID' } as const;
  it.each([
    ['{"a":1,"a":2}', ['/a']],
    ['{"a":1,"\\u0061":2}', ['/a']],
    ['[{"x":[0,{"k":1,"k":1}]}]', ['/0/x/1/k']],
    ['{"a":{"b":1},"c":{"b":1},"b":["a","a",{"a":"a"}]}', []],
    ['{"a/b":{},"a/b":{}}', ['/a~1b']],
  ])('%s is refused at %j', (text, places) => {
    expect(parseJson(text).duplicates.map(({ pointer }) => pointer)).toEqual(places);
    if (places.length > 0) {
      expect(() => readJson(text, '--input', codes)).toThrow(
        expect.objectContaining({
          code: 'PAYLOAD_INVALID',
          message: expect.stringContaining('twice') as string,
        }) as Error,
      );
    }
  });

  it('a text that names each key once has no duplicate, however it is nested', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(parseJson(JSON.stringify(value)).duplicates).toEqual([]);
      }),
    );
    const deep = `${'['.repeat(50_000)}{"a":1,"a":1}${']'.repeat(50_000)}`;
    expect(parseJson(deep).duplicates).toHaveLength(1);
  });
});

describe('the rule of every door', () => {
  it.each([
    ['9007199254740991', []],
    ['-9007199254740991', []],
    ['9007199254740992', [['', LARGE]]],
    ['9007199254740993', [['', LARGE]]],
    ['-9007199254740993', [['', LARGE]]],
    ['9007199254740993.0', [['', LARGE]]],
    ['1e400', [['', NOT_FINITE]]],
    ['-1e400', [['', NOT_FINITE]]],
    ['0.1234567890123456789', []],
    ['[1, {"a/b": {"c~d": 12345678901234567890}}]', [['/1/a~1b/c~0d', LARGE]]],
    ['{"__proto__": {"a": 1}}', [['/__proto__', 'is a key that is refused']]],
    ['{"text": "12345678901234567890"}', []],
  ])('%s has the faults %j', (text, faults) => {
    expect(jsonFaults(JSON.parse(text)).map(({ pointer, message }) => [pointer, message])).toEqual(faults);
  });

  it('[nothing-is-rounded] an integer that a double does not hold is refused, however it is written', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 2n ** 53n, max: 2n ** 80n }), fc.boolean(), (size, negative) => {
        const text = `{"a":[${negative ? -size : size}]}`;
        expect(jsonFaults(JSON.parse(text)).map(({ pointer }) => pointer)).toEqual(['/a/0']);
      }),
    );
    fc.assert(
      fc.property(fc.maxSafeInteger(), (exact) => {
        expect(jsonFaults(JSON.parse(`{"a":[${exact}]}`))).toEqual([]);
      }),
    );
  });

  it('a value of 100,000 levels, and one with a million faults, is looked through within bounds', () => {
    let deep: unknown = 1e300;
    for (let level = 0; level < 100_000; level++) deep = [deep];
    expect(jsonFaults(deep)).toHaveLength(1);
    expect(jsonFaults(new Array(1_000_000).fill(Infinity)).length).toBe(20);
  });

  it('bytes are not JSON', () => {
    expect(jsonFaults({ data: new Uint8Array([1]) })).toEqual([
      { pointer: '/data', message: 'is bytes, not JSON' },
    ]);
  });

  it('the error of a text names each place', () => {
    const read = () =>
      readJson('{"a": 1e400, "b": 9007199254740993}', '--input', {
        syntax: 'INPUT_INVALID',
        value: 'PAYLOAD_INVALID',
      });
    expect(read).toThrow(
      expect.objectContaining({
        code: 'PAYLOAD_INVALID',
        message: `--input: /a ${NOT_FINITE}; /b ${LARGE}`,
        details: {
          problems: [
            { path: '/a', message: NOT_FINITE },
            { path: '/b', message: LARGE },
          ],
        },
      }) as Error,
    );
  });
});
