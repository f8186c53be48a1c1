import { describe, expect, it } from 'vitest';
import { REDACTED, redactorFor } from '../../client/index.js';
import type { Json, JsonObject } from '../../contracts/json.js';

const marked = { writeOnly: true };
const redacted = (payloadSchema: JsonObject, payload: Json) =>
  redactorFor({ payloadSchema }, payload).payload(payload);

describe('Which values are marked', () => {
  it.each<[string, JsonObject, Json, Json]>([
    ['a property', { properties: { a: marked } }, { a: 'x', b: 'y' }, { a: REDACTED, b: 'y' }],
    [
      'an item of a list',
      { properties: { a: { items: marked } } },
      { a: ['x', 'y'] },
      { a: [REDACTED, REDACTED] },
    ],
    ['one of a tuple', { prefixItems: [{}, marked] }, ['x', 'yyyy'], ['x', REDACTED]],
    [
      'a whole object',
      { properties: { a: marked } },
      { a: { b: 'deep' }, c: 'deep' },
      { a: REDACTED, c: REDACTED },
    ],
    [
      'by reference',
      { properties: { a: { $ref: '#/$defs/s' } }, $defs: { s: marked } },
      { a: 1 },
      { a: REDACTED },
    ],
    [
      'by anchor',
      { properties: { a: { $ref: '#s' } }, $defs: { s: { $anchor: 's', ...marked } } },
      { a: true },
      { a: REDACTED },
    ],
    [
      'by pattern',
      { patternProperties: { '^x-': marked } },
      { 'x-a': null, y: null },
      { 'x-a': REDACTED, y: null },
    ],
    [
      'by additionalProperties',
      { properties: { a: {} }, additionalProperties: marked },
      { a: 1, b: 2 },
      { a: 1, b: REDACTED },
    ],
    ['in any branch', { anyOf: [{ properties: { a: marked } }, {}] }, { a: 7 }, { a: REDACTED }],
    [
      'in a schema that refers to itself',
      { properties: { a: marked, next: { $ref: '#' } } },
      { a: 'one1', next: { a: 'two2', next: { b: 'two2' } } },
      { a: REDACTED, next: { a: REDACTED, next: { b: REDACTED } } },
    ],
    ['none', { properties: { a: { type: 'string' } } }, { a: 'x' }, { a: 'x' }],
  ])('%s', (_name, schema, payload, expected) => {
    expect(redacted(schema, payload)).toEqual(expected);
  });
});

describe('Where a marked value is found', () => {
  const redactor = redactorFor(
    { payloadSchema: { properties: { a: marked, b: marked, c: marked } } },
    {
      a: 'he said "no" twice',
      b: 'ab',
      c: 123_456,
    },
  );

  it('a marked value is found as a whole, inside a text, in JSON within a text, percent-encoded and as a key', () => {
    const value = 'he said "no" twice';
    expect(
      redactor.json([value, `x${value}y`, JSON.stringify({ q: value }), encodeURIComponent(value)]),
    ).toEqual([REDACTED, `x${REDACTED}y`, `{"q":"${REDACTED}"}`, REDACTED]);
    expect(redactor.json({ [value]: 123_456, n: 'no. 123456' })).toEqual({
      [REDACTED]: REDACTED,
      n: `no. ${REDACTED}`,
    });
  });

  it('a short marked value is found only where it is the whole value', () => {
    expect(redactor.json(['ab', 'cab', 12])).toEqual([REDACTED, 'cab', 12]);
  });

  it('a marked value that a summary cuts off is found', () => {
    expect(redactor.json({ $summary: '{"x":"he said', bytes: 2_000 })).toEqual({
      $summary: `{"x":"${REDACTED}`,
      bytes: 2_000,
    });
  });

  it('a summary shows no part of a marked value, wherever it cuts off any form of the value', () => {
    const value = 'aaaa"aaaa" z';
    const strict = redactorFor({ payloadSchema: { properties: { a: marked } } }, { a: value });
    const quoted = (text: string): string => JSON.stringify(text).slice(1, -1);
    for (const form of [value, quoted(value), quoted(quoted(value)), encodeURIComponent(value)]) {
      for (let length = 4; length < form.length; length++) {
        const summary = strict.json({ $summary: `{"x":"${form.slice(0, length)}`, bytes: 2_000 });
        expect(summary, `${form} cut at ${length}`).toEqual({ $summary: `{"x":"${REDACTED}`, bytes: 2_000 });
      }
    }
  });
});
