import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../contracts/limits.js';
import { readDefinition } from '../../definitions/index.js';
import { problemsOf, refusal, withHead, written } from './cases.js';

const HEAD = 'id: a\nversion: 1\nsteps: []\n';

/** A document whose text has `bytes` bytes. */
function ofSize(bytes: number): string {
  const start = `${HEAD}result: `;
  return start + 'x'.repeat(bytes - start.length);
}

describe('size', () => {
  it('a document has at most 512 KiB of UTF-8', () => {
    expect(readDefinition(ofSize(LIMITS.definitionBytes - 100), 'yaml').definition.id).toBe('a');
    const error = refusal(ofSize(LIMITS.definitionBytes + 1));
    expect(error.code).toBe('DEFINITION_TOO_LARGE');
    expect(error.details).toEqual({ bytes: 524_289, limit: 524_288 });
  });

  it('the limit counts bytes, not characters', () => {
    expect(refusal(`${HEAD}result: ${'é'.repeat(300_000)}`).code).toBe('DEFINITION_TOO_LARGE');
  });

  it('the limit also applies to the document as JSON, which may be larger because of escapes', () => {
    const text = `${HEAD}result: ${'\u0001'.repeat(200_000)}`;
    expect(problemsOf(text.replaceAll('\u0001', '"')).map(written)).toHaveLength(1);
    expect(problemsOf(`${HEAD}result: |\n  ${'"'.repeat(300_000)}`).map(written)).toEqual([
      '1:1 TOO_LARGE - . | as JSON, the document has more than 524288 bytes | split it with control.callWorkflow',
    ]);
  });
});

describe('what could stop the process is refused in time', () => {
  /** Limits processor time, which does not depend on the load of the machine. */
  const within = (ms: number, work: () => void): void => {
    const start = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1_000).toBeLessThan(ms);
  };

  const billionLaughs = [
    'id: a',
    'version: 1',
    'steps: []',
    'result:',
    '  l0: &l0 ha',
    ...Array.from(
      { length: 40 },
      (_, i) => `  l${i + 1}: &l${i + 1} [${Array(10).fill(`*l${i}`).join(', ')}]`,
    ),
  ].join('\n');

  it('a bomb of aliases is refused without being expanded', () => {
    within(10_000, () => {
      expect(problemsOf(billionLaughs).map(written)).toEqual([
        '1:1 YAML_FEATURE - . | with its aliases written out, the document has more than 524288 bytes | split it with control.callWorkflow',
      ]);
    });
  });

  it('a deep chain of aliases is refused', () => {
    const links = Array.from({ length: 300 }, (_, i) => `  l${i + 1}: &l${i + 1} [*l${i}]`);
    const text = `${HEAD}result:\n  l0: &l0 x\n${links.join('\n')}`;
    // At the link that is one too many.
    expect(problemsOf(text).map(written)).toEqual([
      '108:16 TOO_DEEP - . | the document has more than 200 levels',
    ]);
  });

  it.each([
    ['YAML lists', `${HEAD}result: ${'['.repeat(400_000)}`, 'yaml'],
    ['closed YAML lists', `${HEAD}result: ${'['.repeat(5_000)}${']'.repeat(5_000)}`, 'yaml'],
    ['YAML objects', `${HEAD}result: ${'{a: '.repeat(100_000)}`, 'yaml'],
    ['YAML list items on one line', `${HEAD}result:\n  ${'- '.repeat(200_000)}a`, 'yaml'],
    ['complex keys', `${HEAD}result:\n  ${'? '.repeat(200_000)}a`, 'yaml'],
    ['JSON lists', `{"id":"a","version":1,"steps":[],"result":${'['.repeat(400_000)}`, 'json'],
    ['JSON objects', `{"id":"a","version":1,"steps":[],"result":${'{"a":'.repeat(90_000)}`, 'json'],
  ] as const)('a text with endlessly nested %s is refused', (_name, text, format) => {
    within(10_000, () => {
      expect(problemsOf(text, format).map(({ code }) => code)).toEqual(['TOO_DEEP']);
    });
  });

  it.each([
    ['steps', withHead('  - { id: x, type: control.return }\n'.repeat(12_000))],
    ['keys', `${HEAD}${Array.from({ length: 40_000 }, (_, i) => `k${i}: 1`).join('\n')}`],
    ['the same key', `${HEAD}${'k: 1\n'.repeat(40_000)}`],
    ['aliases', `${HEAD}result: [&a x, ${'*a, '.repeat(100_000)}]`],
    ['anchors', `${HEAD}result: [${Array.from({ length: 30_000 }, (_, i) => `&a${i} x`).join(', ')}]`],
    ['documents', '---\n'.repeat(100_000)],
    ['errors', 'a: }\n'.repeat(80_000)],
    ['wrong expressions', `${HEAD}result: [${'{ $expr: 1 + }, '.repeat(25_000)}]`],
  ])('a text with a great number of %s is refused in time', (_name, text) => {
    within(20_000, () => {
      try {
        readDefinition(text, 'yaml');
      } catch (error) {
        expect(error).toMatchObject({ code: 'DEFINITION_INVALID' });
      }
    });
  });
});

describe('levels', () => {
  it('a document has at most 200 levels', () => {
    const nested = (levels: number) => `${HEAD}result: ${'['.repeat(levels)}${']'.repeat(levels)}`;
    expect(readDefinition(nested(199), 'yaml').definition.id).toBe('a');
    // At the bracket that is one too many.
    expect(problemsOf(nested(200)).map(written)).toEqual([
      '4:208 TOO_DEEP - . | the document has more than 200 levels',
    ]);
  });
});

describe('problems', () => {
  it('the list has at most 1,000 problems, and the others are counted', () => {
    const error = refusal(withHead('  - nothing\n'.repeat(1_500)));
    expect(error.message).toContain('has 1500 problems');
    expect(error.details).toMatchObject({ omitted: 500 });
    expect(problemsOf(withHead('  - nothing\n'.repeat(1_500)))).toHaveLength(1_000);
  });
});

it('a step has at most 500 branches', () => {
  const branches = (count: number) =>
    withHead(
      `  - id: x\n    type: control.parallel\n    branches: { ${Array.from({ length: count }, (_, i) => `b${i}: []`).join(', ')} }\n`,
    );
  expect(readDefinition(branches(500), 'yaml').definition.id).toBe('t');
  expect(problemsOf(branches(501)).map(written)).toEqual([
    '6:15 VALUE_INVALID steps[0] steps[0].branches | branches must have at most 500 branches',
  ]);
});
