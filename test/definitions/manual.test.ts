/**
 * docs/definition.md is correct: its definitions are valid, and its expressions have the documented results.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../contracts/json.js';
import { STEP_TYPES } from '../../contracts/definition/index.js';
import { readDefinition, readStoredDefinition } from '../../definitions/read.js';
import { evaluate } from '../../expressions/index.js';
import { badDocuments, withHead } from './cases.js';

const page = readFileSync(new URL('../../docs/definition.md', import.meta.url), 'utf8');
const blocks = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map((match) => match[1] ?? '');

describe('docs/definition.md', () => {
  it.each(blocks.map((block) => [block.split('\n')[0] ?? '', block]))(
    'the definition %j is valid',
    (_, block) => {
      const excerpt = block.startsWith('- ');
      const text = excerpt ? withHead(block.replaceAll(/^/gm, '  ')) : block;
      // An excerpt reads what steps before it have assigned.
      const read = excerpt ? readStoredDefinition(text, 'yaml') : readDefinition(text, 'yaml');
      expect(read.definition.steps).not.toEqual([]);
    },
  );

  it('the page shows every step type', () => {
    for (const type of STEP_TYPES) expect(page).toContain(`\`${type}`);
  });

  const rows = [...page.matchAll(/^\| `(.+?)` \| `(\{.*?\})` \| `(.+?)` \|$/gm)];

  it('the page has a table of surprises', () => {
    expect(rows.length).toBeGreaterThanOrEqual(14);
  });

  it.each(rows.map(([, source = '', root = '', result = '']) => [source, root, result]))(
    '%s with %s gives %s',
    (source, root, result) => {
      const scope = { root: JSON.parse(root) as JsonObject, bindings: {}, nowMs: 0 };
      expect(evaluate(source, scope)).toEqual(JSON.parse(result) as Json);
    },
  );

  it('the page lists every code of a problem', () => {
    const codes = badDocuments()
      .flatMap(({ cases }) => cases.flatMap(({ problems }) => problems))
      .map((problem) => problem.split(' ')[1] ?? '');
    for (const code of new Set(codes)) expect(page).toContain(`\`${code}\``);
  });
});
