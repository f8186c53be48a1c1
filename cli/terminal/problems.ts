import { z } from 'zod';
import { SluiceError } from '../../contracts/errors.js';
import type { Json } from '../../contracts/json.js';
import { formatProblems, type DefinitionProblem } from '../../definitions/index.js';
import type { Terminal } from './terminal.js';

const Problem = z.looseObject({
  code: z.string(),
  level: z.enum(['error', 'warning']).default('error'),
  message: z.string(),
  stepPath: z.string().nullable(),
  path: z.string(),
  line: z.number().nullable(),
  column: z.number().nullable(),
  hint: z.string().optional(),
});
const Details = z.object({ problems: z.array(Problem) });

/** The problems of a refused definition; undefined for any other error. */
export function problemsOf(thrown: unknown): readonly DefinitionProblem[] | undefined {
  if (!(thrown instanceof SluiceError)) return undefined;
  const details = Details.safeParse(thrown.details);
  // Any code is accepted: a newer worker may report codes that this command line does not know.
  return details.success ? (details.data.problems as unknown as DefinitionProblem[]) : undefined;
}

/** The warnings in the answer of a publish. */
export function warningsOf(answer: unknown): readonly DefinitionProblem[] {
  return z.array(Problem).catch([]).parse(answer) as unknown as DefinitionProblem[];
}

/** Prints the problems of one file, a line each: `file:line:column  step path  message  (hint)`. */
export function showProblems(terminal: Terminal, file: string, problems: readonly DefinitionProblem[]): void {
  terminal.data({ file, valid: false, problems: problems as unknown as Json });
  terminal.print(formatProblems(problems, file));
}
