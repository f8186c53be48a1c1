import { readdirSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { definitionJsonSchema, readDefinition } from '../../definitions/index.js';
import { badDocuments } from './cases.js';

const schema = definitionJsonSchema();
const validate = new Ajv({ strict: false, logger: false }).compile(schema);
const EXAMPLES = new URL('../../examples/', import.meta.url);

describe('the JSON Schema for editors', () => {
  it('the file in schema/ is up to date (else: npm run docs)', () => {
    const committed = readFileSync(new URL('../../schema/definition.schema.json', import.meta.url), 'utf8');
    expect(committed).toBe(`${JSON.stringify(schema, null, 2)}\n`);
  });

  it('the schema accepts every example', () => {
    for (const file of readdirSync(EXAMPLES).filter((name) => name.endsWith('.yaml'))) {
      const text = readFileSync(new URL(file, EXAMPLES), 'utf8');
      expect([file, validate(readDefinition(text, 'yaml').document)]).toEqual([file, true]);
    }
  });

  const shape = badDocuments()
    .flatMap(({ cases }) => cases)
    .filter(({ problems }) => problems.some((problem) => / KEY_UNKNOWN | STEP_TYPE_UNKNOWN /.test(problem)));

  it.each(shape)('the schema refuses $name', ({ text }) => {
    expect(validate(parse(text, { uniqueKeys: false, strict: false }))).toBe(false);
  });

  it('the schema describes each step type', () => {
    const definitions = schema['definitions'] as Readonly<Record<string, { readonly description?: string }>>;
    expect(definitions['control.race']?.description).toBe('Run branches at once; the first to finish wins.');
  });
});
