/** A fast-check grammar of JSONata expressions, and inputs that match their paths. */
import fc from 'fast-check';

const field = fc.constantFrom('a', 'b', 'c', 'items', 'name', 'n', '`a b`');
const variable = fc.constantFrom('$', '$$', '$x', '$y', '$missing');
const number = fc.oneof(fc.integer({ min: -3, max: 12 }), fc.constantFrom(0.5, 2.25, 1e3)).map(String);
const text = fc.constantFrom('"x"', "'a'", '"b c"', '""', '"2"', '"é😀"', '"a,b,c"', '"\\u0041\\n"');
const regex = fc.constantFrom('/a/', '/[a-c]+/i', '/(b)(c)?/', '/\\s*,\\s*/', '/^x$/m');

/** Calls by the kinds of their arguments: n number, s text, l list, o object, v any value, 1/2 a lambda. */
const CALLS: readonly (readonly [string, string])[] = [
  ...['sum', 'max', 'min', 'average', 'count', 'sort', 'reverse', 'distinct', 'zip', 'merge'].map(
    (f) => [f, 'l'] as const,
  ),
  ...['string', 'boolean', 'not', 'exists', 'type', 'keys', 'spread', 'number', 'clone'].map(
    (f) => [f, 'v'] as const,
  ),
  ...['length', 'uppercase', 'lowercase', 'trim', 'base64encode', 'encodeUrlComponent', 'decodeUrl'].map(
    (f) => [f, 's'] as const,
  ),
  ...['floor', 'ceil', 'round', 'abs', 'sqrt', 'formatBase'].map((f) => [f, 'n'] as const),
  ['substring', 'snn'],
  ['substring', 'sn'],
  ['substringBefore', 'ss'],
  ['substringAfter', 'ss'],
  ['pad', 'sn'],
  ['pad', 'sns'],
  ['contains', 'ss'],
  ['contains', 'sr'],
  ['split', 'ss'],
  ['split', 'sr'],
  ['join', 'l'],
  ['join', 'ls'],
  ['match', 'sr'],
  ['replace', 'sss'],
  ['replace', 'srs'],
  ['replace', 'sr1'],
  ['round', 'nn'],
  ['power', 'nn'],
  ['formatInteger', 'np'],
  ['formatNumber', 'nq'],
  ['map', 'l1'],
  ['map', 'l2'],
  ['filter', 'l1'],
  ['single', 'l1'],
  ['reduce', 'l2'],
  ['reduce', 'l2v'],
  ['sort', 'l2'],
  ['sift', 'o1'],
  ['each', 'o2'],
  ['lookup', 'os'],
  ['append', 'vv'],
  ['append', 'll'],
  ['zip', 'll'],
  ['assert', 'b'],
  ['error', 's'],
  ['fromMillis', 'n'],
  ['string', 'vb'],
  ['uppercase', ''],
  ['sum', ''],
  ['string', 'vv'],
];

type Rules = Record<
  | 'value'
  | 'number'
  | 'text'
  | 'list'
  | 'object'
  | 'boolean'
  | 'path'
  | 'call'
  | 'lambda1'
  | 'lambda2'
  | 'block'
  | 'safe',
  string
>;

const rules = fc.letrec<Rules>((tie) => {
  const argument: Record<string, fc.Arbitrary<string>> = {
    n: tie('number'),
    s: tie('text'),
    l: tie('list'),
    o: tie('object'),
    v: tie('value'),
    b: tie('boolean'),
    r: regex,
    p: fc.constantFrom('"w"', '"I"', '"a"', '"000"', '"#,##0"', '"1;o"'),
    q: fc.constantFrom('"#,##0.00"', '"0.0%"', '"000"', '"#0.###;(#)"', '"0.0e0"', '"##"'),
    1: tie('lambda1'),
    2: tie('lambda2'),
  };
  const some = (weights: readonly (readonly [number, fc.Arbitrary<string>])[]) =>
    fc.oneof(
      { maxDepth: 7, depthSize: 'max', depthIdentifier: 'jsonata' },
      ...weights.map(([weight, arbitrary]) => ({ weight, arbitrary })),
    );
  const binary = (operand: fc.Arbitrary<string>, ...operators: string[]) =>
    fc.tuple(operand, fc.constantFrom(...operators), operand).map(([l, op, r]) => `(${l} ${op} ${r})`);
  return {
    value: some([
      [2, tie('number')],
      [2, tie('text')],
      [4, tie('path')],
      [2, tie('list')],
      [2, tie('object')],
      [2, tie('boolean')],
      [3, tie('call')],
      [1, tie('block')],
      [1, fc.constant('null')],
    ]),
    number: some([
      [4, number],
      [2, tie('path')],
      [2, binary(tie('number'), '+', '-', '*', '/', '%')],
      [1, tie('number').map((n) => `-${n}`)],
      [1, tie('call')],
      [1, fc.tuple(tie('boolean'), tie('number'), tie('number')).map(([c, t, e]) => `(${c} ? ${t} : ${e})`)],
    ]),
    text: some([
      [4, text],
      [2, tie('path')],
      [2, binary(tie('value'), '&')],
      [1, tie('call')],
      [1, binary(tie('path'), '??', '?:')],
    ]),
    list: some([
      [3, tie('path')],
      [2, fc.array(tie('safe'), { maxLength: 4 }).map((items) => `[${items.join(', ')}]`)],
      [
        1,
        fc
          .tuple(fc.integer({ min: -2, max: 4 }), fc.integer({ min: -1, max: 8 }))
          .map(([from, to]) => `[${from}..${to}]`),
      ],
      [1, tie('call')],
      [1, tie('value')],
    ]),
    object: some([
      [3, tie('path')],
      [
        2,
        fc
          .array(fc.tuple(fc.constantFrom('"a"', '"b"', '"k"', 'name', '$string(n)'), tie('safe')), {
            maxLength: 3,
          })
          .map((pairs) => `{${pairs.map(([k, v]) => `${k}: ${v}`).join(', ')}}`),
      ],
      [1, fc.tuple(tie('path'), tie('safe')).map(([p, v]) => `${p}{name: ${v}}`)],
      [1, fc.tuple(tie('path'), tie('object')).map(([p, o]) => `($ ~> |${p}|${o}|)`)],
    ]),
    boolean: some([
      [2, fc.constantFrom('true', 'false')],
      [3, binary(tie('value'), '=', '!=')],
      [2, binary(tie('number'), '<', '<=', '>', '>=')],
      [1, binary(tie('text'), '<', '>=')],
      [2, binary(tie('boolean'), 'and', 'or')],
      [1, binary(tie('value'), 'in')],
      [1, tie('call')],
    ]),
    path: fc
      .tuple(
        fc.oneof(
          { weight: 5, arbitrary: field },
          { weight: 2, arbitrary: variable },
          { weight: 1, arbitrary: fc.constantFrom('*', '**') },
        ),
        fc.array(
          some([
            [5, field.map((f) => `.${f}`)],
            [2, fc.integer({ min: -2, max: 2 }).map((i) => `[${i}]`)],
            [2, tie('boolean').map((b) => `[${b}]`)],
            [1, fc.constant('[]')],
            [
              1,
              fc.constantFrom('.*', '.**', '.%', '.(n)', '.{"v": n}', '.[a, b]', '@$x.$x', '#$i.{"i": $i}'),
            ],
            [1, tie('safe').map((v) => `.(${v})`)],
            [1, fc.constantFrom('^(n)', '^(>n)', '^(name, <n)', '^(a.b)')],
            [1, tie('lambda1').map((f) => ` ~> ${f}`)],
          ]),
          { maxLength: 3 },
        ),
      )
      .map(([head, steps]) => `${head}${steps.join('')}`),
    call: fc
      .constantFrom(...CALLS)
      .chain(([name, kinds]) =>
        fc
          .tuple(...[...kinds].map((k) => argument[k] ?? tie('value')))
          .map((args) => `$${name}(${args.join(', ')})`),
      ),
    lambda1: fc.oneof(
      { weight: 3, arbitrary: tie('value').map((body) => `function($x) { ${body} }`) },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          '$string',
          '$uppercase',
          '$sum',
          '$substring(?, 1)',
          '$append(?, 1)',
          '($uppercase ~> $length)',
        ),
      },
    ),
    lambda2: fc.oneof(
      { weight: 3, arbitrary: tie('value').map((body) => `function($x, $y) { ${body} }`) },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          '$append',
          'function($x, $y)<nn:n> { $x + $y }',
          'function($x, $y) { $x > $y }',
        ),
      },
    ),
    block: fc.oneof(
      fc.tuple(tie('value'), tie('value')).map(([v, body]) => `($x := ${v}; ${body})`),
      fc.tuple(tie('lambda1'), tie('safe')).map(([f, v]) => `($f := ${f}; $f(${v}))`),
    ),
    safe: fc.oneof(
      {
        weight: 4,
        arbitrary: fc.oneof(
          number,
          text,
          fc.constantFrom('a', 'n', 'items.n', '$x', '$', 'name', 'null', 'true', 'items[0]'),
        ),
      },
      { weight: 1, arbitrary: tie('value') },
    ),
  };
});

/** Generates the source of an expression. */
export const expressionSource = rules.value;

const scalar = fc.oneof(
  fc.integer({ min: -5, max: 20 }),
  fc.constantFrom('x', 'a', 'b c', '2', '', 'é😀'),
  fc.boolean(),
  fc.constant(null),
);
const item = fc.record(
  {
    n: fc.oneof(fc.integer({ min: 0, max: 5 }), scalar),
    name: fc.constantFrom('x', 'a', 'b', 'k'),
    a: fc.oneof(scalar, fc.record({ b: scalar })),
  },
  { requiredKeys: ['n'] },
);

/** Generates an input with the fields that the paths of the grammar name. */
export const expressionInput = fc.record(
  {
    a: fc.oneof(
      scalar,
      fc.record({ b: scalar, c: fc.array(scalar, { maxLength: 3 }) }),
      fc.array(item, { maxLength: 3 }),
      fc.array(fc.array(scalar, { maxLength: 2 }), { maxLength: 2 }),
    ),
    b: fc.oneof(scalar, fc.array(scalar, { maxLength: 4 })),
    c: scalar,
    n: fc.oneof(
      fc.integer({ min: -2, max: 9 }),
      fc.double({ noNaN: true, noDefaultInfinity: true, min: -5, max: 5 }),
    ),
    name: fc.constantFrom('x', 'name', 'a,b'),
    items: fc.array(item, { maxLength: 5 }),
    'a b': scalar,
  },
  { requiredKeys: ['items', 'n'] },
);
