import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../../contracts/errors.js';
import { isJsonObject } from '../../../contracts/json.js';
import { type DefinitionProblem, readDefinition } from '../../../definitions/index.js';
import { readStoredDefinition } from '../../../definitions/read.js';
import { mistakeGroups } from '../../../scripts/pages/mistakes-page.js';
import { written } from '../cases.js';
import { known } from '../correct/known.js';

/** The errors and warnings of a document. */
function problemsOf(text: string): readonly DefinitionProblem[] {
  try {
    return readDefinition(text, 'yaml', known).warnings;
  } catch (thrown) {
    const details = thrown instanceof SluiceError ? thrown.details : undefined;
    if (details === undefined || !isJsonObject(details)) throw thrown;
    return details['problems'] as unknown as readonly DefinitionProblem[];
  }
}

/** A problem in the notation of the table. */
const inTable = (problem: DefinitionProblem) => written(problem).replace(' ', ` ${problem.level} `);

const groups = mistakeGroups();

describe.each(groups)('[mistakes-have-cures] $title', ({ mistakes }) => {
  it.each(mistakes)('validation names the mistake, its place and its cure: $mistake', (entry) => {
    expect(problemsOf(entry.document).map(inTable)).toEqual(entry.problems);
  });
});

describe('the table of mistakes', () => {
  const all = groups.flatMap(({ mistakes }) => mistakes);

  it('[mistakes-have-cures] the table has sixty mistakes', () => {
    expect(all.length).toBeGreaterThanOrEqual(60);
  });

  it('a stored version is read without warnings', () => {
    const warned = all.filter(({ problems }) => problems.every((line) => line.split(' ')[1] === 'warning'));
    expect(warned.length).toBeGreaterThan(0);
    for (const { document } of warned) expect(readStoredDefinition(document, 'yaml').warnings).toEqual([]);
  });
});

describe('what is meant as it is written', () => {
  const EXAMPLES = new URL('../../../examples/', import.meta.url);
  const examples = readdirSync(EXAMPLES).filter((file) => file.endsWith('.yaml'));

  it.each(examples)('validation says nothing about the example %s', (file) => {
    expect(problemsOf(readFileSync(new URL(file, EXAMPLES), 'utf8'))).toEqual([]);
  });

  const CORRECT: Readonly<Record<string, string>> = {
    'typographic quotes and templates inside texts': `{ $expr: '"“Dear ${'$'}{name}” && " & payload.a' }`,
    'quotes inside a regular expression': `{ $expr: '$replace(payload.a, /"/, "“")' }`,
    'data that looks like an expression, in $literal': '{ $literal: { expr: payload.a, text: "{{ a }}" } }',
    'numbers and texts that YAML reads as they are written': '[0, -1, 1.5, 2.0, "01234", "+49", 10]',
    'an object with more keys than expr': '{ expr: a, where: b }',
    'texts with dots': '[order.paid, payload, item.]',
  };

  it.each(Object.entries(CORRECT))('validation says nothing about %s', (_name, value) => {
    const steps = `  - { id: a, type: action.call, action: core.echo, input: { a: ${value} } }`;
    expect(problemsOf(`id: t\nversion: 1\nsteps:\n${steps}\n`)).toEqual([]);
  });
});
