/** Every text column of the schema is declared as a value, or as plain with a reason. */
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { COLUMNS, VALUE_COLUMNS } from '../../../projections/values/value-columns.js';

const schema = new URL('../migrations/schema.snapshot.txt', import.meta.url);

it('each text column of each table is declared, and nothing else is [every-column-is-declared]', async () => {
  // The engine quotes a name that is a word of its language.
  const fields = (await readFile(schema, 'utf8')).matchAll(
    /^DEFINE FIELD `?(\w+)`? ON (\w+) TYPE (?:none \| )?(?:array<)?string\b/gm,
  );
  const found = [...fields].map(([, column = '', table = '']) => `${table}.${column}`);
  const declared = Object.entries(COLUMNS).flatMap(([table, columns]) =>
    Object.keys(columns).map((column) => `${table}.${column}`),
  );
  expect(found.length).toBeGreaterThan(100);
  expect(declared.sort()).toEqual(found.sort());
});

it('a name that is of a value in one table is of a value in each, but for the act of an audit row', () => {
  const values = new Set(Object.values(VALUE_COLUMNS).flat());
  const plain = Object.entries(COLUMNS).flatMap(([table, columns]) =>
    Object.entries(columns)
      .filter(([column, use]) => use.startsWith('plain') && values.has(column))
      .map(([column]) => `${table}.${column}`),
  );
  // Its words are Sluice's own.
  expect(plain).toEqual(['audit.act']);
});
