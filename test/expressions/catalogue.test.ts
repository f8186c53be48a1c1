import { describe, expect, it } from 'vitest';
import { BUILT_IN_NAMES, REFUSED } from '../../expressions/functions/catalogue.js';
import { theEngine } from '../../expressions/engine/engine.js';
import { check, FUNCTIONS } from '../../expressions/index.js';
import { value } from './support/evaluate-in.js';

describe('the catalogue of functions', () => {
  for (const { name, kind, example } of FUNCTIONS) {
    it(`the example of ${kind} ${name} has the documented result`, () => {
      expect(check(example.source)).toEqual([]);
      expect(example.source).toContain(name);
      expect(value(example.source, example.input)).toEqual(example.result);
    });
  }

  it('the catalogue describes each function once', () => {
    expect(new Set(FUNCTIONS.map(({ kind, name }) => `${kind} ${name}`)).size).toBe(FUNCTIONS.length);
    for (const { signature, name, description } of FUNCTIONS) {
      expect(signature).toContain(`${name}(`);
      expect(description.length).toBeGreaterThan(10);
    }
  });

  it('an expression can call every function of the catalogue and no others', () => {
    const { engine, allowed } = theEngine();
    for (const name of BUILT_IN_NAMES) expect(allowed.lookup(name), name).toBeDefined();
    for (const name of REFUSED.keys()) expect(allowed.lookup(name), name).toBeUndefined();
    // A function of a new version of JSONata is refused until it is in the catalogue.
    for (const name of ['eval', 'random', 'shuffle']) {
      expect(engine.staticFrame.lookup(name), name).toBeDefined();
    }
  });
});
