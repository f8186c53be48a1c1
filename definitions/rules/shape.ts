/**
 * Checks the shape of a document against the zod schemas of `contracts/definition/`, step by step, and words
 * their issues for authors.
 */
import type { z } from 'zod';
import { Definition, durationToMs, Step, STEP_TYPES } from '../../contracts/definition/index.js';
import { isJsonObject, type Json, type JsonObject } from '../../contracts/json.js';
import { nearNames } from '../../contracts/near.js';
import { type Finding, meantHint } from '../source/finding.js';
import { type DocumentPath, quote } from '../source/source.js';
import { keysAllowed } from './schema-keys.js';
import { type FoundStep, withoutBlocks } from './walk.js';

type Issue = z.core.$ZodIssue;

/** Problems of the shape of the document without its steps. */
export function documentShape(document: Json): Finding[] {
  if (!isJsonObject(document)) {
    return [{ code: 'VALUE_INVALID', message: 'a definition is an object', stepPath: null, path: [] }];
  }
  const flat = Array.isArray(document['steps']) ? { ...document, steps: [] } : document;
  return findings(Definition, flat, { path: [], stepPath: null });
}

/** Problems of the shape of one step without its inner steps. */
export function stepShape(step: FoundStep): Finding[] {
  const { value, path, stepPath, type } = step;
  const place = { path, stepPath };
  if (!isJsonObject(value)) {
    return [{ ...place, code: 'VALUE_INVALID', message: 'a step is an object with id and type' }];
  }
  const flat = withoutBlocks(value, type);
  const given = value['type'];
  if (given === type) return findings(Step, flat, place);
  return [typeFinding(given, place), ...(type === undefined ? [] : findings(Step, { ...flat, type }, place))];
}

interface Place {
  readonly path: DocumentPath;
  readonly stepPath: string | null;
}

function typeFinding(given: Json | undefined, { path, stepPath }: Place): Finding {
  if (given === undefined) {
    return {
      code: 'KEY_MISSING',
      message: 'type is missing',
      stepPath,
      path,
      hint: `one of ${STEP_TYPES.join(', ')}`,
    };
  }
  const near = typeof given === 'string' ? nearNames(given, STEP_TYPES) : [];
  return {
    code: 'STEP_TYPE_UNKNOWN',
    message: typeof given === 'string' ? `there is no step type ${quote(given)}` : 'type must be text',
    stepPath,
    path: [...path, 'type'],
    hint: meantHint(near) ?? `one of ${STEP_TYPES.join(', ')}`,
  };
}

function findings(schema: z.ZodType, value: JsonObject, { path, stepPath }: Place): Finding[] {
  const parsed = schema.safeParse(value);
  if (parsed.success) return [];
  return parsed.error.issues.flatMap((issue) => {
    const inner = issue.path.filter((part) => typeof part !== 'symbol');
    return worded(issue, schema, value, inner).map((finding) => ({
      ...finding,
      stepPath,
      path: [...path, ...finding.path],
    }));
  });
}

/** Words an issue; paths are relative to the parsed value. */
function worded(
  issue: Issue,
  schema: z.ZodType,
  value: JsonObject,
  path: DocumentPath,
): Omit<Finding, 'stepPath'>[] {
  const name = nameOf(path);
  const given = valueAt(value, path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(key, schema, value, path));
    case 'invalid_key':
      return [keyFinding(issue, path)];
    default:
      if (given === undefined) {
        return [{ code: 'KEY_MISSING', message: `${name} is missing`, path: path.slice(0, -1), at: 'key' }];
      }
      return [
        { code: codeOf(issue), message: wordingOf(issue, name, given), path, hint: hintOf(issue, given) },
      ];
  }
}

/** The name of a place: its last key, with the indexes after it. */
function nameOf(path: DocumentPath): string {
  const index = path.findLastIndex((part) => typeof part === 'string');
  const rest = path.slice(index + 1).map((part) => `[${part}]`);
  return index === -1 ? 'the definition' : `${path[index]}${rest.join('')}`;
}

function valueAt(value: Json, path: DocumentPath): Json | undefined {
  return path.reduce<Json | undefined>((current, part) => {
    if (typeof part === 'number') {
      return Array.isArray(current) ? (current as readonly Json[])[part] : undefined;
    }
    return isJsonObject(current) && Object.hasOwn(current, part) ? current[part] : undefined;
  }, value);
}

function unknownKey(
  key: string,
  schema: z.ZodType,
  value: JsonObject,
  path: DocumentPath,
): Omit<Finding, 'stepPath'> {
  const allowed = keysAllowed(schema, value, path);
  const present = valueAt(value, path);
  const free = allowed.filter((name) => !isJsonObject(present) || !Object.hasOwn(present, name));
  const near = isJsonObject(present) && wasCut(present, key) ? COMMA_HINT : meantHint(nearNames(key, free));
  return {
    code: 'KEY_UNKNOWN',
    message: `the key ${quote(key)} is unknown here`,
    path: [...path, key],
    at: 'key',
    hint: near ?? (allowed.length === 0 ? undefined : `known here: ${allowed.join(', ')}`),
  };
}

/** Inside `{ … }`, YAML ends an expression at a comma; the rest becomes a key without a value. */
const COMMA_HINT = 'put an expression with a comma in quotes inside { … }';

function wasCut(object: JsonObject, key: string): boolean {
  return Object.hasOwn(object, '$expr') && object[key] === null;
}

function keyFinding(
  issue: Extract<Issue, { code: 'invalid_key' }>,
  path: DocumentPath,
): Omit<Finding, 'stepPath'> {
  const key = String(path.at(-1));
  const inAssign = path.at(-2) === 'assign';
  const why = issue.issues[0]?.message ?? 'is not allowed';
  if (/^\d+$/.test(key) && !inAssign) {
    return {
      code: 'NAME_INVALID',
      message: `the name ${quote(key)} is refused: integers would be sorted before the other names`,
      path,
      at: 'key',
    };
  }
  return {
    code: inAssign ? 'ASSIGN_PATH' : 'NAME_INVALID',
    message: inAssign ? why : `the name ${quote(key)} ${why}`,
    path,
    at: 'key',
    hint: inAssign ? placeHint(key) : undefined,
  };
}

function codeOf(issue: Issue): Finding['code'] {
  const last = issue.path.at(-1);
  if (last === 'saveAs') return 'ASSIGN_PATH';
  if (issue.code === 'custom' && /\$(expr|secret|literal)/.test(issue.message)) return 'MAPPING_INVALID';
  if (['id', 'action', 'workflow', 'itemVar', 'captureErrorAs'].includes(String(last))) return 'NAME_INVALID';
  return 'VALUE_INVALID';
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

/** The values of a discriminator. zod provides them at run time, although its types do not declare them. */
function optionsOf(issue: Issue): string[] {
  return 'options' in issue && Array.isArray(issue.options) ? issue.options.map(String) : [];
}

function wordingOf(issue: Issue, name: string, given: Json): string {
  if (issue.code === 'invalid_type' && /^Invalid input/.test(issue.message)) {
    return `${name} must be ${KINDS[issue.expected] ?? issue.expected}`;
  }
  if (issue.code === 'invalid_value' && /^Invalid/.test(issue.message)) {
    return `${name} must be one of ${issue.values.map(String).join(', ')}`;
  }
  if (issue.code === 'invalid_union' && issue.discriminator !== undefined) {
    return `${name} must be one of ${optionsOf(issue).join(', ')}`;
  }
  // Keep a message that names its subject.
  if (!/^(must|may|needs|is|has) /.test(issue.message)) return issue.message;
  const shown = typeof given === 'string' && issue.code !== 'invalid_type' ? ` ${quote(given)}` : '';
  return `${name}${shown} ${issue.message}`;
}

const YES = ['yes', 'Yes', 'YES', 'on', 'On', 'ON'];
const NO = ['no', 'No', 'NO', 'off', 'Off', 'OFF'];

/** `vars.list[0]` is an index of other languages. */
function placeHint(path: string): string | undefined {
  return /\[\d+\]/.test(path) ? `write ${path.replace(/\[(\d+)\]/g, '.$1')}` : undefined;
}

function hintOf(issue: Issue, given: Json): string | undefined {
  if (
    Array.isArray(given) &&
    issue.code === 'invalid_type' &&
    ['record', 'object'].includes(issue.expected)
  ) {
    return 'write its keys without a dash before them';
  }
  if (isJsonObject(given) && issue.code === 'invalid_type' && issue.expected === 'array') {
    return 'begin each of its items with a dash';
  }
  if (typeof given === 'string' && issue.path.at(-1) === 'saveAs') return placeHint(given);
  if (issue.code === 'custom' && given === null && issue.message.endsWith('combined with $expr')) {
    return COMMA_HINT;
  }
  if (typeof given !== 'string') return undefined;
  if (issue.code === 'invalid_value') return meantHint(nearNames(given, issue.values.map(String)));
  if (issue.code === 'invalid_union' && issue.discriminator !== undefined) {
    return meantHint(nearNames(given, optionsOf(issue)));
  }
  if (issue.code === 'invalid_union' && issue.message.startsWith('must be true')) {
    if (YES.includes(given)) return `YAML 1.2 reads ${given} as text: write true`;
    if (NO.includes(given)) return `YAML 1.2 reads ${given} as text: write false`;
    return `an expression is written { $expr: ${quote(given)} }`;
  }
  const ms = /milliseconds/.test(issue.message) ? durationToMs(given) : undefined;
  return ms === undefined ? undefined : `${given} is ${ms}`;
}
