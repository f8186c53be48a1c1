/** [no-false-alarm]: what the check knows of values holds for every payload that the schema lets through. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../../contracts/errors.js';
import { isJsonObject, type Json, type JsonObject } from '../../../contracts/json.js';
import { infer } from '../../../definitions/analysis/infer.js';
import { type Remark, rootNames } from '../../../definitions/analysis/names.js';
import { shapeOfSchema } from '../../../definitions/analysis/schema-shape.js';
import { Layer } from '../../../definitions/analysis/scope.js';
import { ANY, KIND, type Shape } from '../../../definitions/analysis/shape.js';
import { evaluate, parsedExpression } from '../../../expressions/index.js';

interface Typed {
  readonly schema: JsonObject;
  readonly value: fc.Arbitrary<Json>;
}

const leaf: fc.Arbitrary<Typed> = fc.constantFrom<Typed>(
  { schema: { type: 'string' }, value: fc.constantFrom('', 'x', 'yy') },
  { schema: { type: 'number' }, value: fc.constantFrom(0, 1, 2.5) },
  { schema: { type: 'boolean' }, value: fc.boolean() },
  { schema: { type: ['number', 'null'] }, value: fc.constantFrom(null, 7) },
);

const NAMES = ['a', 'b', 'c'];

/** @param whole whether every field is required and nothing is a list */
function typed(levels: number, whole = false): fc.Arbitrary<Typed> {
  if (levels === 0) return whole ? leaf.filter(({ schema }) => typeof schema['type'] === 'string') : leaf;
  const inner = typed(levels - 1, whole);
  const object = fc
    .record({
      a: inner,
      b: inner,
      c: inner,
      required: whole ? fc.constant(NAMES) : fc.subarray(NAMES),
      closed: fc.boolean(),
    })
    .map(({ required, closed, ...parts }): Typed => {
      const properties = Object.fromEntries(
        Object.entries(parts).map(([name, { schema }]) => [name, schema]),
      );
      const values = Object.fromEntries(Object.entries(parts).map(([name, { value }]) => [name, value]));
      return {
        schema: { type: 'object', properties, required, ...(closed && { additionalProperties: false }) },
        value: fc.record<Record<string, Json>, string>(values, { requiredKeys: required }),
      };
    });
  const list = inner.map(({ schema, value }): Typed => ({
    schema: { type: 'array', items: schema },
    value: fc.array(value, { maxLength: 3 }),
  }));
  return fc.oneof(
    { weight: 1, arbitrary: typed(0, whole) },
    { weight: 3, arbitrary: object },
    { weight: whole ? 0 : 2, arbitrary: list },
  );
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...NAMES).map((name) => `.${name}`) },
  fc.constantFrom('[0]', '[a = 1]', '[a]', '^(b)', '.{"x": b, "y": 1}', '.(a & b)', '[]', '.*', '.$'),
);
const path = fc.array(step, { maxLength: 4 }).map((steps) => `payload${steps.join('')}`);

const { expression } = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    path,
    fc.constantFrom('1', '"t"', 'true', 'null', 'payload.zz', '[]', '{}'),
    fc
      .tuple(
        tie('expression'),
        fc.constantFrom('+', '-', '&', '=', '<', '>=', 'and', 'in'),
        tie('expression'),
      )
      .map(([a, operator, b]) => `(${a} ${operator} ${b})`),
    fc
      .tuple(tie('expression'), tie('expression'), tie('expression'))
      .map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
    fc
      .tuple(
        fc.constantFrom(
          '$sum',
          '$count',
          '$string',
          '$exists',
          '$uppercase',
          '$not',
          'len',
          '$distinct',
          '$max',
        ),
        tie('expression'),
      )
      .map(([name, a]) => `${name}(${a})`),
    fc
      .tuple(fc.constantFrom('$append', 'append', 'coalesce'), tie('expression'), tie('expression'))
      .map(([name, a, b]) => `${name}(${a}, ${b})`),
    tie('expression').map((a) => `$map(${a}, function($v) { $v.a })`),
    tie('expression').map((a) => `$filter(${a}, function($v) { $exists($v.b) })`),
    fc.tuple(tie('expression'), tie('expression')).map(([a, b]) => `[${a}, ${b}]`),
    fc.tuple(tie('expression'), tie('expression')).map(([a, b]) => `{"a": ${a}, "b": ${b}}`),
    tie('expression').map((a) => `($x := ${a}; $x.b)`),
    tie('expression').map((a) => `(${a}).c`),
  ),
}));

const example = (whole: boolean) =>
  typed(3, whole).chain(({ schema, value }) =>
    fc.record({ schema: fc.constant(schema), payload: value, source: expression }),
  );

function known(
  schema: JsonObject,
  source: string,
): { readonly shape: Shape; readonly remarks: readonly Remark[] } {
  const parsed = parsedExpression(source);
  if (parsed === undefined) throw new Error(`${source} does not parse`);
  const remarks: Remark[] = [];
  const names = { layer: new Layer(), lexical: rootNames(shapeOfSchema(schema)), elsewhere: new Map() };
  return { shape: infer(parsed, names, (remark) => remarks.push(remark)), remarks };
}

/** The value, or the code of the error. */
function valueOf(source: string, payload: Json): { readonly value?: Json; readonly code?: string } {
  try {
    return {
      value: evaluate(source, { root: { payload }, bindings: { payload }, nowMs: 0 }, { required: true }),
    };
  } catch (thrown) {
    if (!(thrown instanceof SluiceError)) throw thrown;
    return { code: thrown.code };
  }
}

function covers({ kinds, fields, open = true, items = ANY }: Shape, value: Json): boolean {
  if (value === null) return (kinds & KIND.null) !== 0;
  if (typeof value === 'boolean') return (kinds & KIND.boolean) !== 0;
  if (typeof value === 'number') return (kinds & KIND.number) !== 0;
  if (typeof value === 'string') return (kinds & KIND.text) !== 0;
  if (Array.isArray(value)) {
    return (kinds & KIND.list) !== 0 && (value as readonly Json[]).every((item) => covers(items, item));
  }
  if ((kinds & KIND.object) === 0 || !isJsonObject(value)) return false;
  if (fields === undefined) return true;
  const all = Object.entries(value).every(([name, inner]) => {
    const field = fields.get(name);
    return field === undefined ? open : covers(field, inner);
  });
  return all && [...fields].every(([name, field]) => name in value || (field.kinds & KIND.nothing) !== 0);
}

describe('[no-false-alarm] what the check knows of values', () => {
  it('the shape of an expression covers what it gives, for any payload', () => {
    fc.assert(
      fc.property(example(false), ({ schema, payload, source }) => {
        const { shape } = known(schema, source);
        const { value, code } = valueOf(source, payload);
        if (code === 'EXPRESSION_UNDEFINED') expect(shape.kinds & KIND.nothing).not.toBe(0);
        if (value !== undefined) expect(covers(shape, value)).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });

  it('an expression that is refused for its kinds fails with every payload', () => {
    // What is missing, or is not reached, does not fail.
    const reached = example(true).filter(({ source }) => !/\?| and |function|[[^*]|zz|coalesce/.test(source));
    fc.assert(
      fc.property(reached, ({ schema, payload, source }) => {
        const { remarks } = known(schema, source);
        const refused = remarks.some(({ code }) => code === 'EXPRESSION');
        const named = remarks.some(({ code }) => code === 'NAME_UNKNOWN');
        if (refused && !named) expect(valueOf(source, payload).code).toBe('EXPRESSION_TYPE');
      }),
      { numRuns: 3_000 },
    );
  });

  it('a field that is refused gives nothing with every payload', () => {
    const fields = typed(3).chain(({ schema, value }) =>
      fc.record({ schema: fc.constant(schema), payload: value, source: path }),
    );
    fc.assert(
      fc.property(fields, ({ schema, payload, source }) => {
        const { remarks } = known(schema, source);
        const plain = !/[[({^*$]/.test(source);
        if (plain && remarks.some(({ level }) => level === 'error')) {
          expect(valueOf(source, payload).code).toBe('EXPRESSION_UNDEFINED');
        }
      }),
      { numRuns: 3_000 },
    );
  });
});
