/** Checks the expressions of a document with the engine that runs them, and the places of its secrets. */
import { findExpressions, findSecrets } from '../../contracts/definition/index.js';
import { isJsonObject, type Json, type JsonObject } from '../../contracts/json.js';
import { check } from '../../expressions/index.js';
import type { Finding } from '../source/finding.js';
import type { DocumentPath } from '../source/source.js';

interface Place {
  readonly path: DocumentPath;
  readonly stepPath: string | null;
}

/** Problems of the expressions in a value: a step without its inner steps, or the head of the document. */
export function expressionFindings(value: Json, { path, stepPath }: Place): Finding[] {
  return findExpressions(value).flatMap((found) => {
    // An empty expression is reported as a problem of the shape.
    if (found.source.trim() === '') return [];
    return check(found.source).map((problem) => ({
      code: 'EXPRESSION' as const,
      message: problem.message,
      stepPath,
      path: [...path, ...found.path, '$expr'],
      index: problem.position,
      hint: problem.hint,
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
