/**
 * Payload schemas: JSON Schema draft 2020-12, compiled when a definition is published and when a run starts.
 *
 * Invariants: a schema that compiles at publish compiles at every start (the same compiler, nothing fetched);
 * each schema has a compiler of its own, so that no `$id` of one author meets another's; compiled schemas are
 * kept, a bounded number of them.
 */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { SluiceError } from '../contracts/errors.js';
import type { Json, JsonObject } from '../contracts/json.js';
import { formatPath } from './source.js';

const KEPT = 200;
const compiled = new Map<string, ValidateFunction>();

/**
 * Compiles a schema, or finds it compiled.
 * @throws Error of the compiler, which says what is wrong with the schema
 */
function validatorOf(schema: JsonObject): ValidateFunction {
  const key = JSON.stringify(schema);
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const ajv = new Ajv2020({
    allErrors: true,
    useDefaults: true,
    ownProperties: true,
    strict: true,
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    logger: false,
  });
  addFormats.default(ajv);
  const validator = ajv.compile(structuredClone(schema));
  compiled.set(key, validator);
  const [oldest] = compiled.keys();
  if (compiled.size > KEPT && oldest !== undefined) compiled.delete(oldest);
  return validator;
}

/** What is wrong with a JSON Schema, or undefined. */
export function schemaProblem(schema: JsonObject): string | undefined {
  try {
    validatorOf(schema);
    return undefined;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}

/** One thing wrong with a payload. */
interface PayloadProblem {
  /** JSONPath of the value, e.g. `$.lineItems[0].sku`. */
  readonly path: string;
  readonly message: string;
}

/**
 * Checks a payload against the definition's schema.
 * @param schema undefined: every payload passes
 * @param payload undefined (nothing was sent) counts as `{}`
 * @returns a copy of the payload with the schema's defaults; the argument is never changed
 * @throws SluiceError PAYLOAD_INVALID with `details.problems`: the JSONPath and a message of each
 */
export function validatePayload(schema: JsonObject | undefined, payload: Json | undefined): Json {
  const holder: { payload: Json } = { payload: structuredClone(payload === undefined ? {} : payload) };
  if (schema === undefined) return holder.payload;
  const validate = validatorOf(schema);
  if (validate(holder.payload)) return holder.payload;
  const problems = (validate.errors ?? []).map((error) => worded(error, holder.payload));
  const first = problems[0];
  const more = problems.length > 1 ? `, and ${problems.length - 1} more` : '';
  throw new SluiceError('PAYLOAD_INVALID', `The payload at ${first?.path} ${first?.message}${more}`, {
    details: { problems: problems.map((problem) => ({ ...problem })) },
  });
}

function worded(error: ErrorObject, payload: Json): PayloadProblem {
  const params = error.params as Readonly<Record<string, unknown>>;
  const path = jsonPath(error.instancePath, payload);
  switch (error.keyword) {
    case 'additionalProperties':
      return { path, message: `must not have the property ${String(params['additionalProperty'])}` };
    case 'unevaluatedProperties':
      return { path, message: `must not have the property ${String(params['unevaluatedProperty'])}` };
    case 'enum':
      return { path, message: `must be one of ${JSON.stringify(params['allowedValues']).slice(0, 200)}` };
    case 'const':
      return { path, message: `must be ${JSON.stringify(params['allowedValue']).slice(0, 200)}` };
    default:
      return { path, message: error.message ?? `does not fit ${error.keyword}` };
  }
}

/** A JSON Pointer as JSONPath: digits are an index where they stand in a list. */
function jsonPath(pointer: string, payload: Json): string {
  let value: unknown = payload;
  const parts = pointer
    .split('/')
    .slice(1)
    .map((part) => {
      const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
      const index = Array.isArray(value) ? Number(key) : key;
      value = (value as Readonly<Record<string, unknown>> | undefined)?.[key];
      return index;
    });
  const path = formatPath(parts);
  return path === '' ? '$' : `$${path.startsWith('[') ? '' : '.'}${path}`;
}
