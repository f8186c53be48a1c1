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

describe('the markers of a mapping', () => {
  it('the expressions of a mapping are found in the order of the author, with their paths', () => {
    expect(findExpressions(MAPPING)).toEqual([
      { path: ['id'], source: 'payload.id' },
      { path: ['list', 1], source: 'vars.a' },
    ]);
    expect(findExpressions({ $expr: 'x' })).toEqual([{ path: [], source: 'x' }]);
  });

  it('the secrets of a mapping are found with their paths', () => {
    expect(findSecrets(MAPPING)).toEqual([{ path: ['list', 2, 'deep'], name: 'API_KEY' }]);
  });

  it('no marker is found inside a $literal', () => {
    expect(findExpressions(MAPPING.raw)).toEqual([]);
    expect(findSecrets(MAPPING.raw)).toEqual([]);
    expect(mappingProblems({ $literal: { $expr: 1, $any: 2 } })).toEqual([]);
  });

  it('only own keys are markers, not properties that every object has', () => {
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
    'the mapping %j is accepted',
    (value) => {
      expect(Mapping.safeParse(value)).toEqual({ success: true, data: value });
    },
  );

  it('a mapping with several problems reports each with its path', () => {
    const faults = mappingProblems({
      a: { $expr: 'x', or: 1, also: 2 },
      b: [{ $expr: 5 }, { $secret: 'no spaces please' }],
      c: { $literal: 1, $expr: 'x' },
      d: { $merge: [] },
    });
    expect(faults).toEqual([
      { path: ['a', 'or'], message: 'or cannot be combined with $expr' },
      { path: ['a', 'also'], message: 'also cannot be combined with $expr' },
      { path: ['b', 0, '$expr'], message: '$expr must be the text of an expression' },
      { path: ['b', 1, '$secret'], message: '$secret must be the name of a secret' },
      { path: ['c', '$literal'], message: '$literal cannot be combined with $expr' },
      {
        path: ['d', '$merge'],
        message: '$merge is not one of $expr, $secret, $literal; put data with such keys into $literal',
      },
    ]);
  });

  it('a missing value is refused', () => {
    expect(Mapping.safeParse(undefined).success).toBe(false);
  });
});
