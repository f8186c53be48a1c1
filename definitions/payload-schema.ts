/**
 * Schemas of payloads and responses: JSON Schema draft 2020-12, compiled when a definition is published and
 * when a run starts.
 *
 * Invariants: a schema that compiles at publish compiles at every start (the same compiler, and it fetches
 * nothing); each schema has a separate compiler, so the `$id`s of two authors never collide; the cache of
 * compiled schemas is bounded.
 */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { messageOf } from '../contracts/errors.js';
import { isJsonObject, type Json, type JsonObject } from '../contracts/json.js';
import { nearNames } from '../contracts/near.js';
import { linearPattern } from './checks/linear-pattern.js';
import { addUniqueItems } from './checks/unique-items.js';
import { meantHint } from './source/finding.js';
import type { DocumentPath } from './source/source.js';

/** Compiled schemas in the cache. */
const MAX_COMPILED = 200;
const compiled = new Map<string, ValidateFunction>();

const DRAFT = 'https://json-schema.org/draft/2020-12/schema';

/**
 * Checks schemas against the meta-schema. It is created once, because that is slow, and holds no author's
 * schema.
 */
let shapes: Ajv2020 | undefined;
function shapeChecker(): Ajv2020 {
  shapes ??= new Ajv2020({ allErrors: true, strict: false, logger: false });
  return shapes;
}

function compiler(): Ajv2020 {
  const ajv = new Ajv2020({
    allErrors: true,
    useDefaults: true,
    ownProperties: true,
    strict: true,
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    // schemaProblems has already checked the shape.
    meta: false,
    validateSchema: false,
    logger: false,
    code: { regExp: linearPattern },
  });
  addFormats.default(ajv);
  addUniqueItems(ajv);
  return ajv;
}

/**
 * Compiles a schema or returns it from the cache.
 * @throws Error from the compiler, whose message says what is wrong with the schema
 */
export function validatorOf(schema: JsonObject): ValidateFunction {
  const key = JSON.stringify(schema);
  const cached = compiled.get(key);
  if (cached !== undefined) return cached;
  const validator = compiler().compile(structuredClone(schema));
  compiled.set(key, validator);
  const [oldest] = compiled.keys();
  if (compiled.size > MAX_COMPILED && oldest !== undefined) compiled.delete(oldest);
  return validator;
}

/** One problem of a schema. */
interface SchemaProblem {
  readonly message: string;
  /** Keys from the root of the schema. */
  readonly path: DocumentPath;
  readonly hint?: string | undefined;
}

/** Problems of a JSON Schema; empty if it compiles. */
export function schemaProblems(schema: JsonObject): readonly SchemaProblem[] {
  if (compiled.has(JSON.stringify(schema))) return [];
  const draft = schema['$schema'];
  if (draft !== undefined && draft !== DRAFT && draft !== `${DRAFT}#`) {
    return [{ message: '$schema must be that of draft 2020-12', path: ['$schema'], hint: DRAFT }];
  }
  const ajv = shapeChecker();
  if (ajv.validate(DRAFT, schema) !== true) return shapeProblems(ajv.errors ?? [], schema);
  try {
    validatorOf(schema);
    return [];
  } catch (thrown) {
    if (thrown instanceof RangeError) {
      return [{ message: 'the schema refers to itself without end', path: [] }];
    }
    return [compileProblem(messageOf(thrown), schema)];
  }
}

function shapeProblems(errors: readonly ErrorObject[], schema: JsonObject): SchemaProblem[] {
  const seen = new Set<string>();
  return errors.flatMap(({ instancePath, message = 'is invalid', params }) => {
    // Ajv reports a value once for each of the shapes that it does not match.
    if (seen.has(instancePath)) return [];
    seen.add(instancePath);
    const path = pointerPath(instancePath, schema);
    const allowed = (params as Readonly<Record<string, unknown>>)['allowedValues'];
    const values = Array.isArray(allowed) ? `: ${allowed.join(', ')}` : '';
    return [{ message: `${String(path.at(-1) ?? 'it')} ${message}${values}`, path }];
  });
}

/**
 * The compiler's message with its place in the schema; the compiler itself only names the keyword or value.
 */
function compileProblem(message: string, schema: JsonObject): SchemaProblem {
  const ajv = compiler();
  const keyword = /unknown keyword: "(.*)"/.exec(message)?.[1];
  if (keyword !== undefined) {
    const keywords = Object.keys(ajv.RULES.all).concat(
      'properties',
      'items',
      '$ref',
      '$defs',
      'description',
      'title',
    );
    return {
      message: `there is no keyword "${keyword}"`,
      path: findKey(schema, (key) => key === keyword),
      hint: meantHint(nearNames(keyword, keywords)),
    };
  }
  const format = /unknown format "(.*?)"/.exec(message)?.[1];
  if (format !== undefined) {
    return {
      message: `there is no format "${format}"`,
      path: findKey(schema, (key, value) => key === 'format' && value === format),
      hint: meantHint(nearNames(format, Object.keys(ajv.formats))),
    };
  }
  const reference = /can't resolve reference (\S+)/.exec(message)?.[1];
  if (reference !== undefined) {
    return {
      message: `the reference ${reference} cannot be resolved`,
      path: findKey(schema, (key, value) => key === '$ref' && value === reference),
      hint: 'a schema must be self-contained: put referenced schemas under $defs',
    };
  }
  if (/Invalid regular expression/.test(message)) {
    return { message, path: findKey(schema, (key, value) => key === 'pattern' && !isPattern(value)) };
  }
  if (/default is ignored/.test(message)) {
    return {
      message: 'a default below anyOf, oneOf, not or if would be ignored',
      path: findKey(schema, (key) => key === 'default'),
    };
  }
  return { message, path: [] };
}

function isPattern(value: Json): boolean {
  try {
    return typeof value !== 'string' || new RegExp(value, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}

/** Path of the first key that passes the test; the root if no key does. */
function findKey(value: Json, test: (key: string, value: Json) => boolean): DocumentPath {
  if (Array.isArray(value)) {
    for (const [index, item] of (value as readonly Json[]).entries()) {
      const path = findKey(item, test);
      if (path.length > 0) return [index, ...path];
    }
  } else if (isJsonObject(value)) {
    for (const [key, item] of Object.entries(value)) {
      if (test(key, item)) return [key];
      const path = findKey(item, test);
      if (path.length > 0) return [key, ...path];
    }
  }
  return [];
}

/** A JSON Pointer into a value as a path. Digits are an index if they point into a list. */
export function pointerPath(pointer: string, value: Json): DocumentPath {
  let current: unknown = value;
  return pointer
    .split('/')
    .slice(1)
    .map((part) => {
      const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
      const segment = Array.isArray(current) ? Number(key) : key;
      current =
        typeof current === 'object' && current !== null
          ? (current as Readonly<Record<string, unknown>>)[key]
          : undefined;
      return segment;
    });
}
