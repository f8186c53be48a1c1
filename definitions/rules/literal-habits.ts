/**
 * Literal values that read like something else: an expression without its marker, a template, a number that
 * YAML reads otherwise than it is written. All are warnings, because a value may be meant so.
 */
import { isExpression, isLiteral, isSecret } from '../../contracts/definition/index.js';
import { isJsonObject, type Json } from '../../contracts/json.js';
import type { Finding } from '../source/finding.js';
import { quote, type DocumentPath, type SourceNode } from '../source/source.js';

interface Place {
  readonly path: DocumentPath;
  readonly stepPath: string | null;
}

/** Fields that hold mappings, of steps and of the head. */
const MAPPINGS = [
  'input',
  'assign',
  'result',
  'payload',
  'details',
  'collect',
  'items',
  'message',
  'filters',
];
const MORE_MAPPINGS = ['correlationKey', 'idempotencyKey', 'state', 'compensate', 'triggers'];

const REFERENCE = /^\$?(?:payload|vars|event|error|item|meta|system)(?:\.[\p{L}_][\p{L}\p{N}_-]*)+$/u;
const TEMPLATE = /\$\{[^{}]*\}|\{\{[^{}]*\}\}/;
const WRAPPERS = ['expr', 'expression', 'jsonata'];

/** Warnings of the literals in a step without its inner steps, or in the head of the document. */
export function literalHabits(
  value: Json,
  place: Place,
  nodeAt: (path: DocumentPath) => SourceNode | undefined,
): Finding[] {
  if (!isJsonObject(value)) return [];
  return [...MAPPINGS, ...MORE_MAPPINGS].flatMap((key) => {
    const inner = value[key];
    return inner === undefined ? [] : [...inMapping(inner, { ...place, path: [...place.path, key] }, nodeAt)];
  });
}

function* inMapping(
  value: Json,
  place: Place,
  nodeAt: (path: DocumentPath) => SourceNode | undefined,
): Generator<Finding> {
  const { path } = place;
  if (typeof value === 'string') {
    yield* inText(value, place);
  } else if (typeof value === 'number') {
    yield* inNumber(value, nodeAt(path)?.written, place);
  } else if (Array.isArray(value)) {
    for (const [index, item] of (value as readonly Json[]).entries()) {
      yield* inMapping(item, { ...place, path: [...path, index] }, nodeAt);
    }
  } else if (isJsonObject(value) && !isExpression(value) && !isSecret(value) && !isLiteral(value)) {
    const keys = Object.keys(value);
    const [only = ''] = keys;
    const inner = value[only];
    if (keys.length === 1 && WRAPPERS.includes(only) && typeof inner === 'string') {
      const message = `this is an object with the key ${only}, not an expression`;
      yield warning(message, { ...place, path: [...path, only] }, `write { $expr: ${quote(inner)} }`, 'key');
      return;
    }
    // A key that begins with $ is refused, with what is in it.
    for (const key of keys.filter((name) => !name.startsWith('$'))) {
      yield* inMapping(value[key] as Json, { ...place, path: [...path, key] }, nodeAt);
    }
  }
}

function* inText(text: string, place: Place): Generator<Finding> {
  if (REFERENCE.test(text)) {
    yield warning(`${quote(text)} is text, not an expression`, place, `write { $expr: ${text} }`);
  } else if (TEMPLATE.test(text)) {
    const hint = 'join texts with &, as in { $expr: \'"Dear " & payload.name\' }';
    yield warning(`${quote(text)} stays as it is: a text is not a template`, place, hint);
  }
}

function* inNumber(value: number, written: string | undefined, place: Place): Generator<Finding> {
  if (written === undefined) return;
  const hint = 'put it in quotes if it is text';
  const message = `${written} is read as the number ${value}`;
  yield { ...warning(message, place, hint), code: 'SCALAR' };
}

function warning(
  message: string,
  { path, stepPath }: Place,
  hint: string,
  at: 'key' | 'value' = 'value',
): Finding {
  return { code: 'HABIT', level: 'warning', message, stepPath, path, at, hint };
}
