import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../contracts/errors.js';
import type { Json, JsonObject } from '../../contracts/json.js';
import { validatePayload } from '../../definitions/payload.js';

const ORDER: JsonObject = {
  type: 'object',
  additionalProperties: false,
  required: ['orderId', 'lines'],
  properties: {
    orderId: { type: 'string', minLength: 1 },
    currency: { enum: ['EUR', 'USD'], default: 'EUR' },
    lines: {
      type: 'array',
      items: {
        type: 'object',
        required: ['sku'],
        properties: { sku: { type: 'string' }, quantity: { type: 'integer', default: 1 } },
      },
    },
    contact: {
      type: 'object',
      default: {},
      properties: { mail: { type: 'string', format: 'email' }, 'e/x~y': { const: 1 } },
    },
  },
};

function refused(schema: JsonObject, payload: Json | undefined): SluiceError {
  try {
    validatePayload(schema, payload);
  } catch (error) {
    if (error instanceof SluiceError) return error;
    throw error;
  }
  throw new Error('the payload was accepted');
}

describe('a valid payload', () => {
  it('the result has the defaults of the schema, at every depth', () => {
    expect(
      validatePayload(ORDER, { orderId: 'o', lines: [{ sku: 'a' }, { sku: 'b', quantity: 2 }] }),
    ).toEqual({
      orderId: 'o',
      currency: 'EUR',
      lines: [
        { sku: 'a', quantity: 1 },
        { sku: 'b', quantity: 2 },
      ],
      contact: {},
    });
  });

  it('the payload is copied and never changed', () => {
    const payload = { orderId: 'o', lines: [{ sku: 'a' }] };
    validatePayload(ORDER, payload);
    expect(payload).toEqual({ orderId: 'o', lines: [{ sku: 'a' }] });
  });

  it('each result gets a fresh copy of the defaults', () => {
    const schema: JsonObject = { type: 'object', properties: { list: { default: [1] } } };
    const first = validatePayload(schema, {}) as { list: number[] };
    first.list.push(2);
    expect(validatePayload(schema, {})).toEqual({ list: [1] });
  });

  it('any payload is valid without a schema, and a missing payload is {}', () => {
    expect(validatePayload(undefined, [1, null])).toEqual([1, null]);
    expect(validatePayload(undefined, null)).toBeNull();
    expect(validatePayload(undefined, undefined)).toEqual({});
    expect(validatePayload({ type: 'object', properties: { a: { default: 1 } } }, undefined)).toEqual({
      a: 1,
    });
  });

  it('a payload can have keys that are names of JavaScript', () => {
    const payload = JSON.parse('{"constructor":1,"toString":2}') as Json;
    expect(validatePayload({ type: 'object' }, payload)).toEqual({ constructor: 1, toString: 2 });
  });

  it('the schema is interpreted as draft 2020-12', () => {
    const schema: JsonObject = { type: 'array', prefixItems: [{ type: 'string' }], items: false };
    expect(validatePayload(schema, ['a'])).toEqual(['a']);
    expect(refused(schema, ['a', 1]).code).toBe('PAYLOAD_INVALID');
  });
});

describe('an invalid payload', () => {
  it('all problems are reported at once, each with its JSONPath', () => {
    const error = refused(ORDER, {
      orderId: '',
      currency: 'GBP',
      lines: [{ sku: 'a' }, { quantity: 1.5 }],
      contact: { mail: 'not-an-address', 'e/x~y': 2 },
      extra: true,
    });
    expect(error.code).toBe('PAYLOAD_INVALID');
    expect(error.details).toEqual({
      problems: [
        { path: '$', message: 'must not have the property extra' },
        { path: '$.orderId', message: 'must NOT have fewer than 1 characters' },
        { path: '$.currency', message: 'must be one of ["EUR","USD"]' },
        { path: '$.lines[1].sku', message: 'is missing' },
        { path: '$.lines[1].quantity', message: 'must be integer' },
        { path: '$.contact.mail', message: 'must match format "email"' },
        { path: '$.contact["e/x~y"]', message: 'must be 1' },
      ],
    });
    expect(error.message).toBe(
      [
        'The payload: $ must not have the property extra',
        '$.orderId must NOT have fewer than 1 characters',
        '$.currency must be one of ["EUR","USD"]',
        '$.lines[1].sku is missing',
        '$.lines[1].quantity must be integer',
        '$.contact.mail must match format "email"',
        '$.contact["e/x~y"] must be 1',
      ].join('; '),
    );
    expect(error.retryable).toBe(false);
  });

  it('a payload of another type is refused', () => {
    expect(refused(ORDER, 'o-1').message).toBe('The payload: $ must be object');
    expect(refused(ORDER, null).message).toBe('The payload: $ must be object');
    expect(refused(ORDER, undefined).message).toBe('The payload: $.orderId is missing; $.lines is missing');
  });

  it('a required key is not found on the prototype', () => {
    expect(refused({ type: 'object', required: ['constructor'] }, {}).message).toBe(
      'The payload: $.constructor is missing',
    );
  });

  it('the list has at most 100 problems', () => {
    const error = refused({ type: 'array', items: { type: 'string' } }, Array<number>(5_000).fill(1));
    expect(error.details).toMatchObject({ omitted: 4_900 });
    expect(error.message).toMatch(/^The payload: \$\[0\] must be string; .*; and \d+ more$/);
    expect(error.message.length).toBeLessThan(1_300);
  });

  it('a schema that refers to itself without end refuses the payload instead of looping', () => {
    expect(refused({ $ref: '#' }, {}).code).toBe('PAYLOAD_INVALID');
    expect(refused({ $defs: { a: { $ref: '#/$defs/a' } }, $ref: '#/$defs/a' }, {}).code).toBe(
      'PAYLOAD_INVALID',
    );
  });

  it('a payload that nests too deeply is refused, with any schema', () => {
    const nested = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels)) as Json;
    const tree: JsonObject = { type: 'array', items: { $ref: '#' } };
    expect(validatePayload(tree, nested(500))).toEqual(nested(500));
    for (const levels of [501, 100_000]) {
      expect(refused(tree, nested(levels)).message).toBe('The payload has more than 500 levels');
      expect(() => validatePayload(undefined, nested(levels))).toThrow(SluiceError);
    }
  });
});

describe('schemas of two definitions', () => {
  it('two schemas with the same $id do not collide', () => {
    const one: JsonObject = { $id: 'https://example.com/payload', type: 'string' };
    const other: JsonObject = { $id: 'https://example.com/payload', type: 'number' };
    expect(validatePayload(one, 'a')).toBe('a');
    expect(validatePayload(other, 1)).toBe(1);
    expect(refused(other, 'a').code).toBe('PAYLOAD_INVALID');
  });

  it('schemas stay correct if more of them are in use than the cache holds', () => {
    for (let i = 0; i < 250; i++) expect(validatePayload({ const: i }, i)).toBe(i);
    expect(refused({ const: 0 }, 1).code).toBe('PAYLOAD_INVALID');
  });
});
