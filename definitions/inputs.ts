/**
 * Whether what a document gives fits the schema of what takes it: also the literal parts around expressions.
 *
 * Invariant [no-false-alarm]: a problem is told only where no value of an expression could fix it. So what a
 * schema says of a part with an expression is left out, except for its kind.
 */
import type { ErrorObject } from 'ajv/dist/2020.js';
import { isExpression, isLiteral, isSecret } from '../contracts/definition/index.js';
import { isJsonObject, type Json, type JsonObject } from '../contracts/json.js';
import { nearNames } from '../contracts/near.js';
import type { At } from './analysis/reading.js';
import { resolved, shapeOfSchema } from './analysis/schema-shape.js';
import { KIND, kindsInWords, type Shape } from './analysis/shape.js';
import { pointerPath, schemaProblems, validatorOf } from './payload-schema.js';
import { type Finding, meantHint } from './source/finding.js';

/** What takes a value. */
interface Taker {
  readonly schema: JsonObject;
  /** Key of the value in its step. */
  readonly key: string;
  readonly name: string;
}

/** A value whose expressions are left open. */
interface Opened {
  readonly value: Json;
  /** JSON Pointers of the expressions and secrets. */
  readonly open: readonly string[];
}

/** Keywords of which a part that is open decides. */
const UNDECIDED =
  /\/(anyOf|oneOf|not|if|then|else|contains|dependentSchemas|uniqueItems|dependentRequired)(\/|$)/;

/**
 * What no run could accept in a value.
 * @param given the mapping; undefined counts as `{}`
 * @param shape what is known of its value
 */

export function inputFindings(
  given: Json | undefined,
  shape: Shape,
  taker: Taker,
  at: At,
): readonly Finding[] {
  const path = given === undefined ? at.path : [...at.path, taker.key];
  const opened = openedOf(given ?? {});
  const wrong = errorsOf(taker.schema, opened.value)
    .filter((error) => isDecided(error, opened.open))
    .flatMap((error) => worded(error, opened.value, taker))
    .map((finding) => ({ ...finding, stepPath: at.stepPath, path: [...path, ...finding.path] }));
  return [...wrong, ...kindFindings(opened, shape, taker, { ...at, path })];
}

function openedOf(mapping: Json): Opened {
  const open: string[] = [];
  const value = opening(mapping, '', open);
  return { value, open };
}

function opening(mapping: Json, pointer: string, open: string[]): Json {
  if (Array.isArray(mapping)) {
    return (mapping as readonly Json[]).map((item, index) => opening(item, `${pointer}/${index}`, open));
  }
  if (isExpression(mapping) || isSecret(mapping)) {
    open.push(pointer);
    return null;
  }
  if (isLiteral(mapping)) return mapping.$literal;
  if (!isJsonObject(mapping)) return mapping;
  return Object.fromEntries(
    Object.entries(mapping).map(([key, inner]) => [
      key,
      opening(inner, `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, open),
    ]),
  );
}

function errorsOf(schema: JsonObject, value: Json): readonly ErrorObject[] {
  const validate = compiled(schema);
  // The defaults of the schema are put into it.
  return validate === undefined || validate(structuredClone(value)) ? [] : (validate.errors ?? []);
}

const validators = new WeakMap<JsonObject, ReturnType<typeof validatorOf> | null>();

/** Undefined for a schema that does not compile, which is told of elsewhere. */
function compiled(schema: JsonObject): ReturnType<typeof validatorOf> | undefined {
  const known = validators.get(schema);
  if (known !== undefined) return known ?? undefined;
  const made = schemaProblems(schema).length > 0 ? null : validatorOf(schema);
  validators.set(schema, made);
  return made ?? undefined;
}

function isDecided({ instancePath, schemaPath, keyword }: ErrorObject, open: readonly string[]): boolean {
  if (open.some((pointer) => instancePath === pointer || instancePath.startsWith(`${pointer}/`))) {
    return false;
  }
  const branch = UNDECIDED.exec(schemaPath)?.[1];
  if (branch === undefined) return true;
  // Of several shapes, one message tells that none fits.
  if ((branch === 'anyOf' || branch === 'oneOf') && keyword !== branch) return false;
  return open.length === 0;
}

function worded(
  error: ErrorObject,
  value: Json,
  taker: Taker,
): Omit<Finding, 'stepPath' | 'newVersionsOnly'>[] {
  const params = error.params as Readonly<Record<string, unknown>>;
  const { key, name } = taker;
  const path = pointerPath(error.instancePath, value);
  const place = [key, ...path].join('.');
  const said = (message: string, more: Partial<Finding> = {}) => [
    { code: 'INPUT_INVALID' as const, message, path, ...more },
  ];
  const siblings = knownParts(taker.schema, path);
  switch (error.keyword) {
    case 'required':
      return said(`${name} needs ${[place, String(params['missingProperty'])].join('.')}`);
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const extra = String(params['additionalProperty'] ?? params['unevaluatedProperty']);
      const known = siblings.length === 0 ? undefined : `known here: ${siblings.join(', ')}`;
      const hint = meantHint(nearNames(extra, siblings)) ?? known;
      return said(`${name} takes no ${place}.${extra}`, { path: [...path, extra], at: 'key', hint });
    }
    case 'enum': {
      const allowed = Array.isArray(params['allowedValues']) ? params['allowedValues'].map(String) : [];
      const at = error.instancePath.split('/').slice(1).reduce<Json | undefined>(inside, value);
      const hint = typeof at === 'string' ? meantHint(nearNames(at, allowed)) : undefined;
      return said(`${place} must be one of ${allowed.join(', ')}`, { hint });
    }
    case 'anyOf':
    case 'oneOf':
      return said(`${place} has none of the shapes that ${name} takes`);
    default:
      return said(`${place} ${error.message ?? `does not fit ${error.keyword}`}`);
  }
}

/** Names that a schema has for the parts of a place. */
function knownParts(schema: JsonObject, path: readonly (string | number)[]): readonly string[] {
  let at: Json | undefined = schema;
  for (const part of path) at = partOf(at, part, schema);
  const reference = isJsonObject(at) ? at['$ref'] : undefined;
  if (typeof reference === 'string') at = resolved(schema, reference);
  const properties = isJsonObject(at) ? at['properties'] : undefined;
  return isJsonObject(properties) ? Object.keys(properties) : [];
}

function inside(value: Json | undefined, part: string): Json | undefined {
  const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
  if (Array.isArray(value)) return (value as readonly Json[])[Number(key)];
  return isJsonObject(value) ? value[key] : undefined;
}

/** Expressions whose values are never of the kind that the schema wants. */

function kindFindings({ open, value }: Opened, shape: Shape, taker: Taker, at: At): Finding[] {
  return open.flatMap((pointer) => {
    const path = pointerPath(pointer, value);
    let given: Shape | undefined = shape;
    let wanted: Json | undefined = taker.schema;
    for (const part of path) {
      given = typeof part === 'number' ? undefined : given?.fields?.get(part);
      wanted = partOf(wanted, part, taker.schema);
    }
    if (given === undefined || !isJsonObject(wanted)) return [];
    const kinds = given.kinds & ~(KIND.nothing | KIND.null);
    const allowed = shapeOfSchema(wanted).kinds;
    if (kinds === 0 || (kinds & allowed) !== 0) return [];
    const place = [taker.key, ...path].join('.');
    const message = `${place} must be ${kindsInWords(allowed)}, and this is always ${kindsInWords(kinds)}`;
    return [{ code: 'INPUT_INVALID', message, stepPath: at.stepPath, path: [...at.path, ...path, '$expr'] }];
  });
}

function partOf(schema: Json | undefined, part: string | number, root: JsonObject): Json | undefined {
  if (!isJsonObject(schema)) return undefined;
  if (typeof schema['$ref'] === 'string') return partOf(resolved(root, schema['$ref']), part, root);
  if (typeof part === 'number') return schema['items'];
  const inner = schema['properties'];
  return isJsonObject(inner) && Object.hasOwn(inner, part) ? inner[part] : undefined;
}

/** Defaults of a schema that the schema itself refuses: each start that needs one would fail. */
export function defaultFindings(schema: JsonObject): readonly Omit<Finding, 'stepPath'>[] {
  if (schemaProblems(schema).length > 0) return [];
  const found: Omit<Finding, 'stepPath'>[] = [];
  lookForDefaults(schema, [], { root: schema, found });
  return found;
}

interface Looking {
  readonly root: JsonObject;
  readonly found: Omit<Finding, 'stepPath'>[];
}

function lookForDefaults(schema: Json, path: readonly (string | number)[], looking: Looking): void {
  if (Array.isArray(schema)) {
    for (const [index, item] of (schema as readonly Json[]).entries()) {
      lookForDefaults(item, [...path, index], looking);
    }
    return;
  }
  if (!isJsonObject(schema)) return;
  const { root, found } = looking;
  const value = schema['default'];
  // A property may have the name `default`.
  const inProperties = path.at(-1) === 'properties';
  if (value !== undefined && !inProperties) {
    const definitions = root['$defs'] === undefined ? {} : { $defs: root['$defs'] };
    const alone = { ...without(schema, ['$id', '$schema', 'default']), ...definitions };
    const [error] = refersToRoot(alone) ? [] : errorsOf(alone, value);
    if (error !== undefined) {
      found.push({
        code: 'SCHEMA_INVALID',
        message: `the default does not fit its schema: it ${error.message ?? 'is refused'}`,
        path: [...path, 'default'],
        newVersionsOnly: true,
      });
    }
  }
  for (const [key, inner] of Object.entries(schema)) {
    if (!['default', 'const', 'enum', 'examples'].includes(key) || inProperties) {
      lookForDefaults(inner, [...path, key], looking);
    }
  }
}

function without(object: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}

/** Whether a part of a schema leads to what is not in it: then it says too little alone. */
function refersToRoot(schema: Json): boolean {
  const text = JSON.stringify(schema);
  return /"\$ref":"(?!#\/\$defs\/)/.test(text) || text.includes('"$dynamicRef"');
}
