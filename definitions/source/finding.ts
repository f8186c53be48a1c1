/** A problem as a rule reports it, before its position in the text is known. */
import type { DefinitionProblem, ProblemCode, ProblemLevel } from './problem.js';
import { type DocumentPath, formatPath, type Source } from './source.js';

export interface Finding {
  readonly code: ProblemCode;
  /** Default: error. */
  readonly level?: ProblemLevel | undefined;
  readonly message: string;
  readonly stepPath: string | null;
  readonly path: DocumentPath;
  /** Whether the problem is at the key of the last entry or at its value. Default: the value. */
  readonly at?: 'key' | 'value';
  /** Index in the text value at the path. */
  readonly index?: number;
  readonly hint?: string | undefined;
  /**
   * True: a stored version is not refused for it. Versions that the rule refuses were published before the
   * rule existed, and their runs start as they did.
   */
  readonly newVersionsOnly?: boolean | undefined;
}

/** Adds the positions, and sorts by them. */
export function placed(findings: readonly Finding[], source: Source | undefined): DefinitionProblem[] {
  const problems = findings.map((finding): DefinitionProblem => {
    const { code, level = 'error', message, stepPath, path, at, index, hint } = finding;
    const place = source?.locate(path, at, index);
    return {
      code,
      level,
      message,
      stepPath,
      path: formatPath(path),
      line: place?.line ?? null,
      column: place?.column ?? null,
      ...(hint === undefined ? {} : { hint }),
    };
  });
  return problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}

/** `did you mean "a" or "b"?`; undefined without similar names. */
export function meantHint(near: readonly string[]): string | undefined {
  return near.length === 0 ? undefined : `did you mean ${near.map((name) => `"${name}"`).join(' or ')}?`;
}
