import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parse } from 'acorn';
import { full } from 'acorn-walk';
import { describe, expect, it } from 'vitest';
import { derivedFrom } from '../../../expressions/generated/jsonata-sync.js';
import { deriveJsonata } from '../../../scripts/derive-jsonata.mjs';

const require = createRequire(import.meta.url);
const source = readFileSync(require.resolve('jsonata'), 'utf8');
const { version } = require('jsonata/package.json') as { version: string };

describe('the derivation of the synchronous engine', () => {
  it('the derivation applies to the installed version of jsonata, and its result is in use', () => {
    expect(derivedFrom.version).toBe(version);
    const text = deriveJsonata(source, version);
    expect(
      readFileSync(new URL('../../../expressions/generated/jsonata-sync.js', import.meta.url), 'utf8'),
    ).toBe(text);
  });

  it('the derivation produces the same text every time', () => {
    expect(deriveJsonata(source, version)).toBe(deriveJsonata(source, version));
  });

  it('the derived engine has no asynchronous code, no clock and no stack traces', () => {
    const names = new Set<string>();
    let asynchronous = 0;
    full(parse(deriveJsonata(source, version), { ecmaVersion: 2022, sourceType: 'module' }), (node) => {
      if ('async' in node && node.async === true) asynchronous++;
      if (node.type === 'AwaitExpression') asynchronous++;
      if (node.type === 'Identifier' && 'name' in node) names.add(String(node.name));
    });
    expect(asynchronous).toBe(0);
    for (const name of ['Promise', 'isPromise', 'setTimeout', 'process', 'Buffer', 'RegExp', 'Error']) {
      expect(names.has(name), name).toBe(false);
    }
    expect(derivedFrom.report).toMatchObject({ 'async functions': 46, await: 103 });
  });

  it.each([
    [
      'an awaited call is gone',
      'await evaluate(expr.rhs, input, environment)',
      'evaluate(expr.rhs, input, environment)',
    ],
    ['a guarded place reads differently', 'input.push(undefined)', 'input[input.length] = undefined'],
    ['a function is renamed', 'function isDeepEqual(', 'function isDeeplyEqual('],
    ['a promise is made', 'function boolize(value) {', 'function boolize(value) { Promise.resolve(value);'],
    ['a global is used', 'function boolize(value) {', 'function boolize(value) { process.exit();'],
    ['the clock is read', 'function boolize(value) {', 'function boolize(value) { new Date();'],
  ])('the derivation fails and names the edit if %s', (_, before, after) => {
    expect(source).toContain(before);
    expect(() => deriveJsonata(source.replace(before, after), version)).toThrow(
      /deriving the engine|functions named/,
    );
  });
});
