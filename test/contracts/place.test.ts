import { describe, expect, it } from 'vitest';
import { placeKey, placeLabel } from '../../contracts/run/place.js';

describe('a place', () => {
  it('placeKey keeps the spelling that idempotency keys, event ids and child ids hold', () => {
    expect(placeKey('steps[1]', [])).toBe('steps[1]');
    expect(placeKey('steps[1].body[0]', [2])).toBe('steps[1].body[0]/[2]');
    expect(placeKey('steps[1].body[0].body[3]', [2, 0])).toBe('steps[1].body[0].body[3]/[2,0]');
  });

  it('placeLabel separates the indexes of the loops for people', () => {
    expect(placeLabel('steps[1]', [])).toBe('steps[1]');
    expect(placeLabel('steps[1].body[0].body[3]', [2, 0])).toBe('steps[1].body[0].body[3] [2, 0]');
  });
});
