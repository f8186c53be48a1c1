import { describe, expect, it } from 'vitest';
import { badDocuments, problemsOf, refusal, written } from './cases.js';

const files = badDocuments();

describe.each(files)('a definition is refused with all its problems: $file', ({ cases }) => {
  it.each(cases)('every problem is reported at its position: $name', ({ text, format, problems }) => {
    expect(problemsOf(text, format).map(written)).toEqual(problems);
  });
});

describe('every problem', () => {
  const all = files.flatMap(({ cases }) => cases);

  it('every problem has a position inside the text', () => {
    for (const { text, format } of all) {
      const lines = text.split('\n');
      for (const { line, column } of problemsOf(text, format)) {
        const length = lines[(line ?? 0) - 1]?.length;
        expect(length).toBeDefined();
        expect(column).toBeGreaterThanOrEqual(1);
        expect(column).toBeLessThanOrEqual((length ?? 0) + 1);
      }
    }
  });

  it('problems come in the order of the text', () => {
    for (const { text, format } of all) {
      const places = problemsOf(text, format).map(({ line, column }) => (line ?? 0) * 10_000 + (column ?? 0));
      expect(places).toEqual([...places].sort((a, b) => a - b));
    }
  });

  it('the message counts the problems and names the first', () => {
    const error = refusal('id: A\nversion: 0\nsteps: []');
    expect(error.code).toBe('DEFINITION_INVALID');
    expect(error.message).toBe(
      'The definition has 2 problems; the first is at line 1, column 5: id "A" must be lower-case words joined by hyphens, such as order-fulfilment',
    );
  });
});

it('the cases contain many documents', () => {
  expect(files.flatMap(({ cases }) => cases).length).toBeGreaterThanOrEqual(280);
});
