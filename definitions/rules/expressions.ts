/** Checks the expressions of a document with the engine that runs them, and the places of its secrets. */
import { findExpressions, findSecrets } from '../../contracts/definition/index.js';
import { isJsonObject, type Json, type JsonObject } from '../../contracts/json.js';
import { check } from '../../expressions/index.js';
import type { Finding } from '../source/finding.js';
import type { DocumentPath } from '../source/source.js';
import { habitsOf } from './habits.js';

interface Place {
  readonly path: DocumentPath;
  readonly stepPath: string | null;
}

/** Problems of the expressions in a value: a step without its inner steps, or the head of the document. */
export function expressionFindings(value: Json, { path, stepPath }: Place): Finding[] {
  return findExpressions(value).flatMap((found) => {
    // An empty expression is reported as a problem of the shape.
    if (found.source.trim() === '') return [];
    const problems = check(found.source);
    const habits = habitsOf(found.source, problems);
    // A habit says what the parser stumbles over.
    const others =
      habits.length === 0 ? problems : problems.filter(({ code }) => code !== 'EXPRESSION_SYNTAX');
    return [...habits, ...others].map(({ message, position, hint }) => ({
      code: 'EXPRESSION' as const,
      message,
      stepPath,
      path: [...path, ...found.path, '$expr'],
      index: position,
      hint,
      newVersionsOnly: problems.length === 0,
    }));
  });
}

/** Secrets in places where no activity resolves them. */
export function secretFindings(step: JsonObject, { path, stepPath }: Place): Finding[] {
  return findSecrets(step)
    .filter((found) => !(step['type'] === 'action.call' && isInput(found.path)))
    .map((found) => ({
      code: 'SECRET_MISPLACED' as const,
      message: `the secret ${found.name} cannot be used here`,
      stepPath,
      path: [...path, ...found.path],
      hint: 'secrets are resolved only in the input of an action.call',
    }));
}

function isInput(path: DocumentPath): boolean {
  return path[0] === 'input' || (path[0] === 'compensate' && path[1] === 'input');
}

/** The head of a document: everything except the steps and the schema of the payload. */
export function headOf(document: Json): JsonObject {
  if (!isJsonObject(document)) return {};
  return Object.fromEntries(
    Object.entries(document).filter(([key]) => key !== 'steps' && key !== 'payloadSchema'),
  );
}
