/**
 * Schemas of payloads and answers: JSON Schema draft 2020-12, compiled when a definition is published and when
 * a run starts.
 *
 * Invariants: a schema that compiles at publish compiles at every start (the same compiler, nothing fetched);
 * each schema has a compiler of its own, so that no `$id` of one author meets another's; compiled schemas are
 * kept, a bounded number of them.
 */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { isJsonObject, type Json, type JsonObject } from '../contracts/json.js';
import { nearNames } from '../contracts/near.js';
import { meantHint } from './source/finding.js';
import type { DocumentPath } from './source/source.js';

const KEPT = 200;
const compiled = new Map<string, ValidateFunction>();

const DRAFT = 'https://json-schema.org/draft/2020-12/schema';

/** Checks schemas against the draft's own; it never holds an author's. Made once: that takes a while. */
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
    // Its shape has been checked by then.
    meta: false,
    validateSchema: false,
    logger: false,
  });
  addFormats.default(ajv);
  return ajv;
}

/**
 * Compiles a schema, or finds it compiled.
 * @throws Error of the compiler, which says what is wrong with the schema
 */
export function validatorOf(schema: JsonObject): ValidateFunction {
  const key = JSON.stringify(schema);
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const validator = compiler().compile(structuredClone(schema));
  compiled.set(key, validator);
  const [oldest] = compiled.keys();
  if (compiled.size > KEPT && oldest !== undefined) compiled.delete(oldest);
  return validator;
}

/** One thing wrong with a schema. */
interface SchemaProblem {
  readonly message: string;
  /** Keys from the root of the schema. */
  readonly path: DocumentPath;
  readonly hint?: string | undefined;
}

/** What is wrong with a JSON Schema; empty where it compiles. */
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
    return [compileProblem(thrown instanceof Error ? thrown.message : String(thrown), schema)];
  }
}

function shapeProblems(errors: readonly ErrorObject[], schema: JsonObject): SchemaProblem[] {
  const seen = new Set<string>();
  return errors.flatMap(({ instancePath, message = 'is invalid', params }) => {
    // A value that fits none of several shapes is reported once for each of them.
    if (seen.has(instancePath)) return [];
    seen.add(instancePath);
    const path = pointerPath(instancePath, schema);
    const allowed = (params as Readonly<Record<string, unknown>>)['allowedValues'];
    const values = Array.isArray(allowed) ? `: ${allowed.join(', ')}` : '';
    return [{ message: `${String(path.at(-1) ?? 'it')} ${message}${values}`, path }];
  });
}

/** What the compiler says, and where in the schema that is: it names the keyword or value, not the place. */
function compileProblem(message: string, schema: JsonObject): SchemaProblem {
  const ajv = compiler();
  const keyword = /unknown keyword: "(.*)"/.exec(message)?.[1];
  if (keyword !== undefined) {
    const known = Object.keys(ajv.RULES.all).concat(
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
      hint: meantHint(nearNames(keyword, known)),
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
      message: `the reference ${reference} leads nowhere`,
      path: findKey(schema, (key, value) => key === '$ref' && value === reference),
      hint: 'a schema stands for itself: put what it refers to under $defs',
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

/** Path to the first key that the test takes; the root where none is. */
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

/** A JSON Pointer into a value as a path: digits are an index where they stand in a list. */
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
