/**
 * Mappings: how a definition says which value to use.
 *
 * A mapping is a literal, `{$expr: source}`, `{$secret: NAME}`, `{$literal: anything}`, or objects and arrays
 * of these. Invariant: a marker is the only key of its object, and nothing looks into `$literal`. Keys that
 * begin with `$` are reserved for markers; data with such keys goes into `$literal`.
 */
import { z } from 'zod';
import { isJsonObject, type Json } from '../json.js';
import { SECRET_NAME } from './names.js';

/** Keys and indexes from the root of a value to a part of it. */
export type ValuePath = readonly (string | number)[];

/** `{$expr: source}`. */
export interface ExpressionMarker {
  readonly $expr: string;
}

/** `{$secret: NAME}`: resolved only inside the activity that uses it. */
export interface SecretMarker {
  readonly $secret: string;
}

/** `{$literal: anything}`: the value as it is, with any keys. */
export interface LiteralMarker {
  readonly $literal: Json;
}

const MARKERS: readonly string[] = ['$expr', '$secret', '$literal'];

function isMarker(mapping: Json, key: string): boolean {
  return isJsonObject(mapping) && Object.hasOwn(mapping, key);
}

/** True for `{$expr: source}`. */
export function isExpression(mapping: Json): mapping is Json & ExpressionMarker {
  return isMarker(mapping, '$expr');
}

/** True for `{$secret: NAME}`. */
export function isSecret(mapping: Json): mapping is Json & SecretMarker {
  return isMarker(mapping, '$secret');
}

/** True for `{$literal: anything}`. */
export function isLiteral(mapping: Json): mapping is Json & LiteralMarker {
  return isMarker(mapping, '$literal');
}

/** Every expression of a mapping with its path (which ends at the `$expr` object), in the author's order. */
export function findExpressions(mapping: Json): readonly { path: ValuePath; source: string }[] {
  return [...markersOf(mapping)].flatMap(({ path, node }) =>
    isExpression(node) && typeof node.$expr === 'string' ? [{ path, source: node.$expr }] : [],
  );
}

/** Every secret that a mapping names, with its path. */
export function findSecrets(mapping: Json): readonly { path: ValuePath; name: string }[] {
  return [...markersOf(mapping)].flatMap(({ path, node }) =>
    isSecret(node) && typeof node.$secret === 'string' ? [{ path, name: node.$secret }] : [],
  );
}

function* markersOf(node: Json, path: ValuePath = []): Generator<{ path: ValuePath; node: Json }> {
  if (Array.isArray(node)) {
    for (const [index, item] of (node as readonly Json[]).entries()) yield* markersOf(item, [...path, index]);
  } else if (isExpression(node) || isSecret(node)) {
    yield { path, node };
  } else if (isJsonObject(node) && !isLiteral(node)) {
    for (const [key, value] of Object.entries(node)) yield* markersOf(value, [...path, key]);
  }
}

/** What is wrong with the shape of a mapping; empty if it is valid. Does not parse expressions. */
export function mappingProblems(node: Json, path: ValuePath = []): { path: ValuePath; message: string }[] {
  if (Array.isArray(node)) {
    return (node as readonly Json[]).flatMap((item, index) => mappingProblems(item, [...path, index]));
  }
  if (!isJsonObject(node)) return [];
  const keys = Object.keys(node);
  const marker = MARKERS.find((name) => keys.includes(name));
  if (marker === undefined) {
    return keys.flatMap((key) =>
      key.startsWith('$')
        ? [
            {
              path: [...path, key],
              message: `${key} is not one of ${MARKERS.join(', ')}; put data with such keys into $literal`,
            },
          ]
        : mappingProblems(node[key] as Json, [...path, key]),
    );
  }
  const beside = keys.filter((key) => key !== marker);
  const problems = beside.map((key) => ({
    path: [...path, key],
    message: `${key} cannot be combined with ${marker}`,
  }));
  const value = node[marker] as Json;
  if (marker === '$expr' && (typeof value !== 'string' || value.trim() === '')) {
    problems.push({ path: [...path, marker], message: '$expr must be the text of an expression' });
  }
  if (marker === '$secret' && (typeof value !== 'string' || !SECRET_NAME.test(value))) {
    problems.push({ path: [...path, marker], message: '$secret must be the name of a secret' });
  }
  return problems;
}

/** Any JSON value; its markers have the shape that the head of this file describes. */
export const Mapping = z
  .custom<Json>((value) => value !== undefined, 'is missing')
  .superRefine((value, context) => {
    for (const { path, message } of mappingProblems(value)) {
      context.addIssue({ code: 'custom', message, path: [...path], input: value });
    }
  })
  .meta({
    id: 'Mapping',
    description: 'A literal, {$expr: …}, {$secret: NAME}, {$literal: …}, or objects and arrays of these.',
  });
export type Mapping = z.infer<typeof Mapping>;
