/** Checks the payload of a run against the schema of its definition. */
import type { ErrorObject } from 'ajv/dist/2020.js';
import { SluiceError } from '../contracts/errors.js';
import { isJsonObject, type Json, type JsonObject } from '../contracts/json.js';
import { LIMITS } from '../contracts/limits.js';
import { pointerPath, validatorOf } from './payload-schema.js';
import type { Finding } from './source/finding.js';
import { formatPath } from './source/source.js';

/** Problems that are reported; a list has one for each bad item. */
const MOST_PROBLEMS = 100;

/** Characters of all problems in the message; the details have every problem. */
const MOST_CHARACTERS = 1_000;

/** Characters of an allowed value in a problem. */
const VALUE_CHARACTERS = 200;

/** One problem of a payload. */
interface PayloadProblem {
  /** JSONPath of the value, e.g. `$.lineItems[0].sku`. */
  readonly path: string;
  readonly message: string;
}

/**
 * Checks a payload against the definition's schema.
 * @param schema undefined: every payload is valid
 * @param payload undefined counts as `{}`
 * @returns a copy of the payload with the defaults of the schema; the argument never changes
 * @throws SluiceError PAYLOAD_INVALID whose `details.problems` are at most 100 problems with JSONPath and
 * message
 */
export function validatePayload(schema: JsonObject | undefined, payload: Json | undefined): Json {
  const given = payload === undefined ? {} : payload;
  if (!levelsWithin(given, LIMITS.depth)) {
    throw new SluiceError('PAYLOAD_INVALID', `The payload has more than ${LIMITS.depth} levels`);
  }
  const holder: { payload: Json } = { payload: structuredClone(given) };
  if (schema === undefined) return holder.payload;
  const errors = errorsOf(schema, holder.payload);
  if (errors.length === 0) return holder.payload;
  const problems = errors.slice(0, MOST_PROBLEMS).map((error) => worded(error, holder.payload));
  throw new SluiceError('PAYLOAD_INVALID', `The payload: ${listed(problems, errors.length)}`, {
    details: {
      problems: problems.map((problem) => ({ ...problem })),
      ...(errors.length > problems.length && { omitted: errors.length - problems.length }),
    },
  });
}

/** As many problems as fit into the message. */
function listed(problems: readonly PayloadProblem[], all: number): string {
  const shown: string[] = [];
  let left = MOST_CHARACTERS;
  for (const { path, message } of problems) {
    const text = `${path} ${message}`.slice(0, MOST_CHARACTERS);
    left -= text.length;
    if (shown.length > 0 && left < 0) break;
    shown.push(text);
  }
  const more = all - shown.length;
  return `${shown.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}

/** Whether a value has at most `most` levels. Not recursive: the value may be arbitrarily deep. */
function levelsWithin(value: Json, most: number): boolean {
  const inner = (values: readonly Json[]): readonly Json[] =>
    values.filter((item) => typeof item === 'object' && item !== null);
  let level = inner([value]);
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > most) return false;
    level = inner(level.flatMap((item) => Object.values(item ?? {}) as readonly Json[]));
  }
  return true;
}

function errorsOf(schema: JsonObject, payload: Json): readonly ErrorObject[] {
  try {
    const validate = validatorOf(schema);
    return validate(payload) ? [] : (validate.errors ?? []);
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    const message = 'The payloadSchema refers to itself without end';
    throw new SluiceError('PAYLOAD_INVALID', message, { cause: thrown });
  }
}

function worded(error: ErrorObject, payload: Json): PayloadProblem {
  const params = error.params as Readonly<Record<string, unknown>>;
  const path = jsonPath(error.instancePath, payload);
  switch (error.keyword) {
    case 'required':
      return {
        path: jsonPath(`${error.instancePath}/${pointerKey(String(params['missingProperty']))}`, payload),
        message: 'is missing',
      };
    case 'additionalProperties':
      return { path, message: `must not have the property ${String(params['additionalProperty'])}` };
    case 'unevaluatedProperties':
      return { path, message: `must not have the property ${String(params['unevaluatedProperty'])}` };
    case 'enum':
      return {
        path,
        message: `must be one of ${JSON.stringify(params['allowedValues']).slice(0, VALUE_CHARACTERS)}`,
      };
    case 'const':
      return {
        path,
        message: `must be ${JSON.stringify(params['allowedValue']).slice(0, VALUE_CHARACTERS)}`,
      };
    default:
      return { path, message: error.message ?? `does not fit ${error.keyword}` };
  }
}

function pointerKey(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

function jsonPath(pointer: string, payload: Json): string {
  const path = formatPath(pointerPath(pointer, payload));
  return path === '' ? '$' : `$${path.startsWith('[') ? '' : '.'}${path}`;
}

/**
 * Problems of the payloads that schedules of a document give their runs: each start would fail where no
 * caller sees it.
 * @param document one whose payloadSchema and triggers have no other problem
 */
export function schedulePayloadFindings(document: Json): Finding[] {
  if (!isJsonObject(document) || !Array.isArray(document['triggers'])) return [];
  const schema = document['payloadSchema'];
  return (document['triggers'] as readonly Json[]).flatMap((trigger, index) => {
    if (!isJsonObject(trigger) || trigger['type'] !== 'schedule') return [];
    try {
      validatePayload(isJsonObject(schema) ? schema : undefined, trigger['payload']);
      return [];
    } catch (thrown) {
      if (!(thrown instanceof SluiceError)) throw thrown;
      const { message } = thrown;
      const key = trigger['payload'] === undefined ? 'type' : 'payload';
      const path = ['triggers', index, key];
      return [{ code: 'VALUE_INVALID', message, stepPath: null, path, hint: 'every start would fail' }];
    }
  });
}
