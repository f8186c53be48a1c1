/** Problems of a document: their position, a message and a hint. */
import type { Json } from '../../contracts/json.js';

export type ProblemCode =
  /** Not YAML, or not JSON. */
  | 'SYNTAX'
  | 'DUPLICATE_KEY'
  /** A refused anchor, alias, tag or merge key. */
  | 'YAML_FEATURE'
  /** A number that JSON or a double cannot hold. */
  | 'NUMBER'
  | 'TOO_DEEP'
  | 'TOO_LARGE'
  | 'KEY_UNKNOWN'
  | 'KEY_MISSING'
  /** A key that excludes or requires another key. */
  | 'KEY_CONFLICT'
  | 'VALUE_INVALID'
  | 'NAME_INVALID'
  | 'STEP_TYPE_UNKNOWN'
  | 'STEP_ID_DUPLICATE'
  /** A step that is not allowed here: break outside a loop, rethrow outside a catch. */
  | 'STEP_MISPLACED'
  | 'MAPPING_INVALID'
  | 'ASSIGN_PATH'
  | 'DURATION'
  | 'SECRET_MISPLACED'
  | 'EXPRESSION'
  | 'SCHEMA_INVALID'
  | 'ACTION_UNKNOWN'
  | 'ACTION_VERSION_UNKNOWN'
  /** A name that means nothing at its place. */
  | 'NAME_UNKNOWN'
  /** A name that means nothing on a path to its place. */
  | 'NAME_UNSURE'
  /** What an action or another definition does not take. */
  | 'INPUT_INVALID'
  /** A definition that is not published. */
  | 'WORKFLOW_UNKNOWN'
  /** An error code that nothing gives. */
  | 'ERROR_CODE_UNKNOWN'
  /** A schedule whose instant has passed. */
  | 'PASSED'
  /** A step that no run gets to. */
  | 'STEP_UNREACHABLE'
  /** A habit of another language, whose meaning here is another one. */
  | 'HABIT'
  /** A value that YAML reads otherwise than it is written. */
  | 'SCALAR';

export type ProblemLevel = 'error' | 'warning';

/** One problem of a definition document. */
export interface DefinitionProblem {
  readonly code: ProblemCode;
  /** An error refuses the document; a warning does not, except for `sluice validate --strict`. */
  readonly level: ProblemLevel;
  readonly message: string;
  /** Path of its step, e.g. `steps[1].then[0]`; null outside the steps. */
  readonly stepPath: string | null;
  /**
   * Keys from the root of the document, e.g. `steps[1].then[0].input.amount`; empty for the document itself.
   */
  readonly path: string;
  /** From 1; null without the text of the document. */
  readonly line: number | null;
  /** From 1, in UTF-16 units as editors count; null without the text of the document. */
  readonly column: number | null;
  /** How to fix it. */
  readonly hint?: string;
}

/** Problems as JSON, for the details of an error. */
export function problemsAsJson(problems: readonly DefinitionProblem[]): Json {
  return problems.map((problem) => ({ ...problem }));
}

/**
 * Formats problems for a terminal, one per line: `file:line:column  steps[1].then[0]  message  (hint)`.
 * @param file name to show; without it, positions are `line:column`
 */
export function formatProblems(problems: readonly DefinitionProblem[], file?: string): string {
  return problems.map((problem) => formatProblem(problem, file)).join('\n');
}

function formatProblem(
  { level, line, column, stepPath, path, message, hint }: DefinitionProblem,
  file?: string,
): string {
  const place = [file, line, column].filter((part) => part !== undefined && part !== null).join(':');
  const said = level === 'warning' ? `warning: ${message}` : message;
  const parts = [place, stepPath ?? path, said, hint === undefined ? '' : `(${hint})`];
  return parts.filter((part) => part !== '').join('  ');
}
