import { describe, expect, it } from 'vitest';
import { type FilterOp, passesFilter, valueAtPath } from '../../contracts/events/filters.js';
import type { Json } from '../../contracts/json.js';

const PAYLOAD: Json = {
  total: 10,
  name: 'Ada',
  tags: ['a', 'b'],
  order: { lines: [{ sku: 'x' }, { sku: 'y' }] },
  nothing: null,
  flag: false,
};

const passes = (path: string, op: FilterOp, value?: Json) =>
  passesFilter({ path, op, ...(value === undefined ? {} : { value }) }, PAYLOAD);

describe('a filter of an event wait', () => {
  it.each<[string, FilterOp, Json | undefined, boolean]>([
    ['total', '=', 10, true],
    ['total', '=', '10', false],
    ['total', '!=', 9, true],
    ['total', '>', 9, true],
    ['total', '>=', 10, true],
    ['total', '<', 10, false],
    ['total', '<=', 10, true],
    ['total', '>', '9', false],
    ['name', '<', 'B', true],
    ['name', '>', 1, false],
    ['flag', '>', -1, false],
    ['nothing', '=', null, true],
    ['nothing', 'exists', undefined, true],
    ['nothing', 'not_exists', undefined, false],
    ['order', '=', { lines: [{ sku: 'x' }, { sku: 'y' }] }, true],
    ['order.lines.1.sku', '=', 'y', true],
    ['order.lines.2.sku', 'exists', undefined, false],
    ['total', 'in', [1, 10], true],
    ['total', 'in', [1], false],
    ['total', 'in', 10, false],
    ['total', 'not_in', [1], true],
    ['total', 'not_in', [10], false],
    ['tags', 'contains', 'a', true],
    ['tags', 'contains', 'c', false],
    ['name', 'contains', 'da', true],
    ['total', 'contains', 1, false],
    ['name', 'starts_with', 'A', true],
    ['name', 'ends_with', 'a', true],
    ['total', 'starts_with', '1', false],
  ])('the filter %s %s %j gives %j', (path, op, value, expected) => {
    expect(passes(path, op, value)).toBe(expected);
  });

  it.each<[FilterOp, boolean]>([
    ['=', false],
    ['!=', true],
    ['>', false],
    ['>=', false],
    ['<', false],
    ['<=', false],
    ['in', false],
    ['not_in', true],
    ['exists', false],
    ['not_exists', true],
    ['contains', false],
    ['starts_with', false],
    ['ends_with', false],
  ])('a filter with a missing path and the operator %s gives %j', (op, expected) => {
    expect(passes('missing.deep', op, op === 'in' || op === 'not_in' ? [] : 'x')).toBe(expected);
  });

  it('a filter never looks at properties that every object has', () => {
    expect(valueAtPath(PAYLOAD, 'constructor')).toBeUndefined();
    expect(valueAtPath(PAYLOAD, 'tags.length')).toBeUndefined();
    expect(valueAtPath(PAYLOAD, 'name.length')).toBeUndefined();
    expect(passes('__proto__', 'not_exists')).toBe(true);
  });
});
