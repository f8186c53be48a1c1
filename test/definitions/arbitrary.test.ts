import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../contracts/errors.js';
import { Definition, walkSteps, blockAt, childBlocks, stepAt } from '../../contracts/definition/index.js';
import { type DefinitionFormat, readDefinition } from '../../definitions/index.js';

const EXAMPLE = readFileSync(new URL('../../examples/order-fulfilment.yaml', import.meta.url), 'utf8');

/** Fails unless the text is a definition or is refused with a code. */
function outcome(text: string, format: DefinitionFormat): 'accepted' | 'refused' {
  try {
    const { definition, document } = readDefinition(text, format);
    expect(Definition.parse(JSON.parse(JSON.stringify(document)))).toEqual(definition);
    for (const { path, step } of walkSteps(definition)) {
      expect(stepAt(definition, path)).toBe(step);
      for (const block of childBlocks(step, path)) expect(blockAt(definition, block.path)).toBe(block.steps);
    }
    return 'accepted';
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    expect(['DEFINITION_INVALID', 'DEFINITION_TOO_LARGE']).toContain(error.code);
    return 'refused';
  }
}

describe('any text', () => {
  it('a random text is a definition or is refused with a code', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 200 }),
        fc.constantFrom('yaml', 'json'),
        (text, format) => {
          outcome(text, format);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('a text of pieces of a definition is a definition or is refused with a code', () => {
    const lines = EXAMPLE.split('\n');
    const piece = fc.oneof(
      fc.constantFrom(...lines),
      fc.constantFrom(
        '- ',
        '  ',
        '\t',
        '{',
        '}',
        '[',
        ']',
        ': ',
        '&a ',
        '*a',
        '|',
        '$expr',
        '"',
        '#',
        '? ',
        '!!x ',
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), fc.constantFrom('\n', ''), (pieces, between) => {
        outcome(pieces.join(between), 'yaml');
      }),
      { numRuns: 300 },
    );
  });

  it('an example with one changed line is a definition or is refused with a code', () => {
    const lines = EXAMPLE.split('\n');
    let accepted = 0;
    fc.assert(
      fc.property(
        fc.nat({ max: lines.length - 1 }),
        fc.constantFrom('drop', 'double', 'indent', 'empty'),
        (at, change) => {
          const line = lines[at] ?? '';
          const changed = { drop: [], double: [line, line], indent: [`  ${line}`], empty: [''] }[change];
          const text = [...lines.slice(0, at), ...changed, ...lines.slice(at + 1)].join('\n');
          if (outcome(text, 'yaml') === 'accepted') accepted++;
        },
      ),
      { numRuns: 200 },
    );
    expect(accepted).toBeGreaterThan(0);
  });
});

describe('any JSON', () => {
  it('a definition with random JSON in place of any part is accepted or refused with a code', () => {
    const document = readDefinition(EXAMPLE, 'yaml').document;
    const parts: (readonly (string | number)[])[] = [];
    const collect = (value: unknown, path: readonly (string | number)[]): void => {
      parts.push(path);
      if (Array.isArray(value)) {
        value.forEach((item, index) => collect(item, [...path, index]));
      } else if (typeof value === 'object' && value !== null) {
        for (const [key, item] of Object.entries(value)) collect(item, [...path, key]);
      }
    };
    collect(document, []);
    const replaced = (value: unknown, path: readonly (string | number)[], by: unknown): unknown => {
      const [key, ...rest] = path;
      if (key === undefined) return by;
      const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) }) as Record<
        string | number,
        unknown
      >;
      copy[key] = replaced(copy[key], rest, by);
      return copy;
    };
    fc.assert(
      fc.property(fc.constantFrom(...parts), fc.jsonValue({ maxDepth: 3 }), (path, value) => {
        outcome(JSON.stringify(replaced(document, path, value)), 'json');
      }),
      { numRuns: 300 },
    );
  });
});
