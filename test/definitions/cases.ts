/**
 * Cases of bad documents, as data: `cases/*.yaml`. Each case has a document (`document`: YAML; `json`: JSON;
 * `steps`: YAML of steps below a head of three lines, so that the steps begin at line 4) and all of its
 * problems in order: `line:column CODE step-path path | message | hint` (`-`: no step, `.`: the document
 * itself).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { SluiceError } from '../../contracts/errors.js';
import type { DefinitionProblem } from '../../definitions/index.js';
import { type DefinitionFormat, readDefinition } from '../../definitions/index.js';

const Case = z.strictObject({
  name: z.string(),
  document: z.string().optional(),
  json: z.string().optional(),
  steps: z.string().optional(),
  problems: z.array(z.string()).min(1),
});

export interface BadDocument {
  readonly name: string;
  readonly text: string;
  readonly format: DefinitionFormat;
  readonly problems: readonly string[];
}

const FOLDER = new URL('./cases/', import.meta.url);

/** A document with these steps. */
export function withHead(steps: string): string {
  return `id: t\nversion: 1\nsteps:\n${steps}`;
}

/** All cases, by file. */
export function badDocuments(): readonly { readonly file: string; readonly cases: readonly BadDocument[] }[] {
  return readdirSync(FOLDER).map((file) => ({
    file,
    cases: z
      .array(Case)
      .parse(parse(readFileSync(new URL(file, FOLDER), 'utf8')))
      .map(({ name, document, json, steps, problems }) => ({
        name,
        text: document ?? json ?? withHead(steps ?? ''),
        format: json === undefined ? 'yaml' : 'json',
        problems,
      })),
  }));
}

/** The error of a refused document. @throws Error if the document is accepted */
export function refusal(text: string, format: DefinitionFormat = 'yaml'): SluiceError {
  try {
    readDefinition(text, format);
  } catch (error) {
    if (error instanceof SluiceError) return error;
    throw error;
  }
  throw new Error('the document was accepted');
}

const Details = z.object({
  problems: z.array(
    z.object({
      code: z.string(),
      level: z.enum(['error', 'warning']),
      message: z.string(),
      stepPath: z.string().nullable(),
      path: z.string(),
      line: z.number(),
      column: z.number(),
      hint: z.string().optional(),
    }),
  ),
});

/** The errors of a refused document. */
export function problemsOf(text: string, format: DefinitionFormat = 'yaml'): readonly DefinitionProblem[] {
  const all = Details.parse(refusal(text, format).details).problems as readonly DefinitionProblem[];
  return all.filter(({ level }) => level === 'error');
}

/** A problem in the notation of the cases. */
export function written({ line, column, code, stepPath, path, message, hint }: DefinitionProblem): string {
  const place = `${line}:${column} ${code} ${stepPath ?? '-'} ${path === '' ? '.' : path}`;
  return [place, message, ...(hint === undefined ? [] : [hint])].join(' | ');
}
