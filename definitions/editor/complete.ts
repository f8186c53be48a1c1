/** What an author may write at a place: keys, step types, actions, inputs, names and functions. */
import { Definition, Step, STEP_TYPES } from '../../contracts/definition/index.js';
import { isJsonObject, type Json, type JsonObject } from '../../contracts/json.js';
import { FUNCTIONS } from '../../expressions/index.js';
import { knownFields, elementOf } from '../analysis/shape.js';
import type { Catalogue } from '../known.js';
import { keysAllowed } from '../rules/schema-keys.js';
import { findSteps, type FoundStep, withoutBlocks } from '../rules/walk.js';
import type { DocumentPath } from '../source/source.js';
import { fieldsOf, schemasOf } from './inputs.js';
import { type Cursor, cursorAt } from './place.js';
import { namesSeen, shapeAt, shapeInWords } from './seen.js';

/** One thing to write. */
export interface Completion {
  readonly label: string;
  readonly kind: 'key' | 'value' | 'name' | 'field' | 'function';
  /** In a line. */
  readonly detail?: string;
  /** Markdown. */
  readonly documentation?: string;
}

/**
 * What an author may write at an offset of a document.
 * @param offset in UTF-16 units
 * @returns empty where nothing is known, and where the text around has syntax errors
 */
export function completionsAt(
  text: string,
  format: 'yaml' | 'json',
  offset: number,
  catalogue: Catalogue,
): readonly Completion[] {
  const cursor = cursorAt(text, format, offset);
  if (cursor === undefined) return [];
  if (cursor.at === 'key') return keys(cursor, catalogue);
  return cursor.path.at(-1) === '$expr' ? inExpression(cursor, catalogue) : values(cursor, catalogue);
}

/** The innermost step around a path. */
export function stepAround(document: Json, path: DocumentPath): FoundStep | undefined {
  let found: FoundStep | undefined;
  for (const step of findSteps(document)) {
    if (step.path.every((part, index) => part === path[index])) found = step;
  }
  return found;
}

/** The call that has an `input` at a path: a step or its `compensate`; with the path inside the input. */
export function callAround(
  { value, path: stepPath }: FoundStep,
  path: DocumentPath,
): { readonly call: JsonObject; readonly inside: DocumentPath } | undefined {
  const inner = path.slice(stepPath.length);
  if (!isJsonObject(value)) return undefined;
  if (inner[0] === 'input') return { call: value, inside: inner.slice(1) };
  const undo = value['compensate'];
  return inner[0] === 'compensate' && inner[1] === 'input' && isJsonObject(undo)
    ? { call: undo, inside: inner.slice(2) }
    : undefined;
}

/** Keys of every step, for one whose type is not written yet. */
const STEP_KEYS = ['id', 'type', 'name', 'when', 'onError'];

function keys({ document, path }: Cursor, catalogue: Catalogue): readonly Completion[] {
  const step = stepAround(document, path);
  if (step === undefined) return named(keysAllowed(Definition, document, path), path, document);
  const called = callAround(step, path);
  if (called !== undefined) {
    const schemas = schemasOf(called.call, catalogue);
    return schemas === undefined ? [] : inputs(schemas.input, called.inside);
  }
  if (!isJsonObject(step.value)) return [];
  const inner = path.slice(step.path.length);
  const allowed = keysAllowed(Step, withoutBlocks(step.value, step.type), inner);
  return named(allowed.length === 0 && inner.length === 0 ? STEP_KEYS : allowed, path, document);
}

function inputs(schema: JsonObject, inside: DocumentPath): readonly Completion[] {
  return fieldsOf(schema, inside).map(({ name, required, type, description }) => ({
    label: name,
    kind: 'key',
    detail: required ? `${type}, required` : type,
    ...(description !== undefined && { documentation: description }),
  }));
}

/** Keys without those that the object has. */
function named(allowed: readonly string[], path: DocumentPath, document: Json): readonly Completion[] {
  const there = path.reduce<Json | undefined>(
    (value, part) => (value as Record<string | number, Json> | undefined)?.[part],
    document,
  );
  const taken = new Set(isJsonObject(there) ? Object.keys(there) : []);
  return allowed.filter((key) => !taken.has(key)).map((label) => ({ label, kind: 'key' }));
}

function values({ document, path }: Cursor, catalogue: Catalogue): readonly Completion[] {
  const step = stepAround(document, path);
  const key = path.at(-1);
  if (step === undefined) return [];
  const inner = path.slice(step.path.length);
  if (inner.length === 1 && key === 'type') return STEP_TYPES.map((label) => ({ label, kind: 'value' }));
  const isCall = inner.length === 1 || (inner.length === 2 && inner[0] === 'compensate');
  if (!isCall || key !== 'action') return [];
  return [...catalogue.actions].map(([label, versions]) => ({
    label,
    kind: 'value',
    detail: `${versions.length === 1 ? 'version' : 'versions'} ${versions.join(', ')}`,
  }));
}

function inExpression({ document, path, before }: Cursor, catalogue: Catalogue): readonly Completion[] {
  const names = namesSeen(document, path.slice(0, -1), catalogue);
  const [, chain = ''] = /((?:\$?[\p{L}_][\p{L}\p{N}_]*\.)*)[$\p{L}\p{N}_]*$/u.exec(before) ?? [];
  if (chain !== '') {
    const parts = chain.slice(0, -1).split('.');
    const shape = shapeAt(names, parts);
    return (shape === undefined ? [] : knownFields(elementOf(shape))).map((label) => {
      const field = shapeAt(names, [...parts, label]);
      return { label, kind: 'field', ...(field && { detail: shapeInWords(field) }) };
    });
  }
  // After a dot that follows something else, a field is meant of which nothing is known.
  if (/\.[$\p{L}\p{N}_]*$/u.test(before)) return [];
  return [
    ...[...names].map(([label, shape]): Completion => ({ label, kind: 'name', detail: shapeInWords(shape) })),
    ...FUNCTIONS.map(({ name, kind, signature, description }): Completion => ({
      label: kind === 'helper' ? name : `$${name}`,
      kind: 'function',
      detail: signature,
      documentation: description,
    })),
  ];
}
