import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../contracts/errors.js';
import { check, evaluate } from '../../expressions/index.js';

/** A small seeded generator (mulberry32): 100,000 sources need no shrinking. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const TOKENS = [
  'a',
  '$',
  '$$',
  '$x',
  '.',
  '[',
  ']',
  '(',
  ')',
  '{',
  '}',
  '|',
  '^',
  '%',
  '@',
  '#',
  '?',
  '?:',
  '??',
  ':',
  ':=',
  ';',
  ',',
  '~>',
  '..',
  '**',
  '*',
  '=',
  '==',
  '!=',
  '<',
  '>',
  '-',
  '+',
  '/',
  '"a"',
  "'",
  '`',
  '\\',
  '1',
  '0',
  '1e9',
  'and',
  'in',
  'null',
  'true',
  'function',
  'λ',
  '$map',
  '$sort',
  '$string',
  '$replace',
  '$pad',
  '$match',
  '/a/',
  '/(a*)*b/',
  'len',
  'append',
  'nowIso',
  ' ',
  '\n',
  '/*',
  '*/',
  '$eval',
  '__proto__',
];
const root = { a: [{ a: 1, b: 'x' }, { a: [] }], b: 'text', c: null };

function expectCodedEnd(source: string): boolean {
  const problems = check(source);
  try {
    evaluate(source, { root, bindings: { x: [1, 2] }, nowMs: 0 });
    expect(problems, source).toEqual([]);
    return true;
  } catch (error) {
    if (!(error instanceof SluiceError) || !error.code.startsWith('EXPRESSION_')) {
      throw new Error(`${JSON.stringify(source)}: ${String(error)}`, { cause: error });
    }
    return false;
  }
}

describe('100,000 random sources end in a result or a coded error', () => {
  it('sources of random bytes have a result or a coded error', { timeout: 120_000 }, () => {
    const next = random(4);
    for (let i = 0; i < 50_000; i++) {
      const bytes = Uint8Array.from({ length: 1 + next(40) }, () => next(256));
      expectCodedEnd(
        i % 2 === 0 ? Buffer.from(bytes).toString('latin1') : Buffer.from(bytes).toString('utf8'),
      );
    }
  });

  it('sources of random tokens have a result or a coded error', { timeout: 120_000 }, () => {
    const next = random(5);
    let results = 0;
    for (let i = 0; i < 50_000; i++) {
      const length = 1 + next(12);
      let source = '';
      for (let k = 0; k < length; k++) source += TOKENS[next(TOKENS.length)] ?? '';
      if (expectCodedEnd(source)) results++;
    }
    expect(results).toBeGreaterThan(1_000);
  });
});
