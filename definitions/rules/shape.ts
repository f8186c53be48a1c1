/**
 * The shape of a document: the zod schemas of `contracts/definition/`, step by step, their issues put into
 * words for an author.
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

/** What is wrong with the shape of the document, its steps left out. */
export function documentShape(document: Json): Finding[] {
  if (!isJsonObject(document)) {
    return [{ code: 'VALUE_INVALID', message: 'a definition is an object', stepPath: null, path: [] }];
  }
  const flat = Array.isArray(document['steps']) ? { ...document, steps: [] } : document;
  return findings(Definition, flat, { path: [], stepPath: null });
}

/** What is wrong with the shape of one step, the steps inside it left out. */
export function stepShape(step: FoundStep): Finding[] {
  const { value, path, stepPath, type } = step;
  const place = { path, stepPath };
  if (!isJsonObject(value)) {
    return [{ ...place, code: 'VALUE_INVALID', message: 'a step is an object with id and type' }];
  }
  const flat = withoutBlocks(value, type);
  const written = value['type'];
  if (written === type) return findings(Step, flat, place);
  return [
    typeFinding(written, place),
    ...(type === undefined ? [] : findings(Step, { ...flat, type }, place)),
  ];
}

interface Place {
  readonly path: DocumentPath;
  readonly stepPath: string | null;
}

function typeFinding(written: Json | undefined, { path, stepPath }: Place): Finding {
  if (written === undefined) {
    return {
      code: 'KEY_MISSING',
      message: 'type is missing',
      stepPath,
      path,
      hint: `one of ${STEP_TYPES.join(', ')}`,
    };
  }
  const near = typeof written === 'string' ? nearNames(written, STEP_TYPES) : [];
  return {
    code: 'STEP_TYPE_UNKNOWN',
    message: typeof written === 'string' ? `there is no step type ${quote(written)}` : 'type must be text',
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

/** An issue in words; paths are relative to the value that was parsed. */
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
        { code: codeOf(issue), message: messageOf(issue, name, given), path, hint: hintOf(issue, given) },
      ];
  }
}

/** The key that the reader looks at: the last one that is no index. */
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
  const free = allowed.filter((one) => !isJsonObject(present) || !Object.hasOwn(present, one));
  const near = isJsonObject(present) && wasCut(present, key) ? CUT : meantHint(nearNames(key, free));
  return {
    code: 'KEY_UNKNOWN',
    message: `the key ${quote(key)} is unknown here`,
    path: [...path, key],
    at: 'key',
    hint: near ?? (allowed.length === 0 ? undefined : `known here: ${allowed.join(', ')}`),
  };
}

/** YAML ends an expression at a comma inside `{ … }`; what follows becomes a key without a value. */
const CUT = 'an expression with a comma goes in quotes inside { … }';

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

/** What a discriminator may be; zod gives it at run time, though its types do not say so. */
function optionsOf(issue: Issue): string[] {
  return 'options' in issue && Array.isArray(issue.options) ? issue.options.map(String) : [];
}

function messageOf(issue: Issue, name: string, given: Json): string {
  if (issue.code === 'invalid_type' && /^Invalid input/.test(issue.message)) {
    return `${name} must be ${KINDS[issue.expected] ?? issue.expected}`;
  }
  if (issue.code === 'invalid_value' && /^Invalid/.test(issue.message)) {
    return `${name} must be one of ${issue.values.map(String).join(', ')}`;
  }
  if (issue.code === 'invalid_union' && issue.discriminator !== undefined) {
    return `${name} must be one of ${optionsOf(issue).join(', ')}`;
  }
  // A message that names its subject itself stays as it is.
  if (!/^(must|may|needs|is|has) /.test(issue.message)) return issue.message;
  const shown = typeof given === 'string' && issue.code !== 'invalid_type' ? ` ${quote(given)}` : '';
  return `${name}${shown} ${issue.message}`;
}

function hintOf(issue: Issue, given: Json): string | undefined {
  if (issue.code === 'custom' && given === null && issue.message.endsWith('beside $expr')) return CUT;
  if (typeof given !== 'string') return undefined;
  if (issue.code === 'invalid_value') return meantHint(nearNames(given, issue.values.map(String)));
  if (issue.code === 'invalid_union' && issue.discriminator !== undefined) {
    return meantHint(nearNames(given, optionsOf(issue)));
  }
  if (issue.code === 'invalid_union' && issue.message.startsWith('must be true')) {
    return `an expression is written { $expr: ${quote(given)} }`;
  }
  const ms = /milliseconds/.test(issue.message) ? durationToMs(given) : undefined;
  return ms === undefined ? undefined : `${given} is ${ms}`;
}
