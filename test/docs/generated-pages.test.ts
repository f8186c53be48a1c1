import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { GENERATED_PAGES } from '../../scripts/pages/generated-pages.js';

describe('generated pages of docs/', () => {
  it.each(Object.entries(GENERATED_PAGES))(
    '%s says what the code says (else: npm run docs)',
    (path, make) => {
      expect(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')).toBe(make());
    },
  );
});
