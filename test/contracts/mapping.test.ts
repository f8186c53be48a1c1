import { describe, expect, it } from 'vitest';
import {
  findExpressions,
  findSecrets,
  isExpression,
  isLiteral,
  isSecret,
} from '../../contracts/definition/index.js';
import { Mapping, mappingProblems } from '../../contracts/definition/mapping.js';

const MAPPING = {
  id: { $expr: 'payload.id' },
  list: [1, { $expr: 'vars.a' }, { deep: { $secret: 'API_KEY' } }],
  raw: { $literal: { $expr: 'not one', $secret: 'neither' } },
  nothing: null,
};

describe('what a mapping holds', () => {
  it('its expressions, in the order of the author, with the place of each', () => {
    expect(findExpressions(MAPPING)).toEqual([
      { path: ['id'], source: 'payload.id' },
      { path: ['list', 1], source: 'vars.a' },
    ]);
    expect(findExpressions({ $expr: 'x' })).toEqual([{ path: [], source: 'x' }]);
  });

  it('its secrets', () => {
    expect(findSecrets(MAPPING)).toEqual([{ path: ['list', 2, 'deep'], name: 'API_KEY' }]);
  });

  it('nothing inside a $literal', () => {
    expect(findExpressions(MAPPING.raw)).toEqual([]);
    expect(findSecrets(MAPPING.raw)).toEqual([]);
    expect(mappingProblems({ $literal: { $expr: 1, $any: 2 } })).toEqual([]);
  });

  it('markers are own keys, not what every object has', () => {
    for (const is of [isExpression, isSecret, isLiteral]) {
      expect([is({}), is([]), is(null), is('$expr'), is({ expr: 1 })]).toEqual([
        false,
        false,
        false,
        false,
        false,
      ]);
    }
    expect([isExpression({ $expr: 'a' }), isSecret({ $secret: 'a' }), isLiteral({ $literal: null })]).toEqual(
      [true, true, true],
    );
  });
});

describe('the shape of a mapping', () => {
  it.each([null, true, 0, '', [], {}, { a: [{ b: null }] }, MAPPING, { $literal: null }])(
    'accepts %j',
    (value) => {
      expect(Mapping.safeParse(value)).toEqual({ success: true, data: value });
    },
  );

  it('reports every fault, with its place', () => {
    const faults = mappingProblems({
      a: { $expr: 'x', or: 1, also: 2 },
      b: [{ $expr: 5 }, { $secret: 'no spaces please' }],
      c: { $literal: 1, $expr: 'x' },
      d: { $merge: [] },
    });
    expect(faults).toEqual([
      { path: ['a', 'or'], message: 'or cannot stand beside $expr' },
      { path: ['a', 'also'], message: 'also cannot stand beside $expr' },
      { path: ['b', 0, '$expr'], message: '$expr must be the text of an expression' },
      { path: ['b', 1, '$secret'], message: '$secret must be the name of a secret' },
      { path: ['c', '$literal'], message: '$literal cannot stand beside $expr' },
      {
        path: ['d', '$merge'],
        message: '$merge is not one of $expr, $secret, $literal; put data with such keys into $literal',
      },
    ]);
  });

  it('refuses a value that is missing', () => {
    expect(Mapping.safeParse(undefined).success).toBe(false);
  });
});
