import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../contracts/limits.js';
import { GENERATED_PAGES } from '../../scripts/pages/generated-pages.js';
import { limitsPage, UNSEEN } from '../../scripts/pages/limits-page.js';

describe('generated pages of docs/', () => {
  it.each(Object.entries(GENERATED_PAGES))(
    '%s says what the code says (else: npm run docs)',
    (path, make) => {
      expect(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')).toBe(make());
    },
  );
});

describe('docs/limits.md', () => {
  it('every limit of the code is on the page, or refuses nothing', () => {
    const named = new Set<string>();
    limitsPage('', (name) => {
      named.add(name);
      return name;
    });
    expect([...named, ...UNSEEN].sort()).toEqual(Object.keys(LIMITS).sort());
  });
});
