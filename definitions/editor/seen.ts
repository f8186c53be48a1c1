/** The names that an expression sees, with what is known of their values, for editors. */
import type { Json } from '../../contracts/json.js';
import { EVENT_SHAPE, type Names } from '../analysis/names.js';
import { EVENT } from '../analysis/scope.js';
import { ANY, elementOf, fieldOf, KIND, kindsInWords, knownFields, type Shape } from '../analysis/shape.js';
import { analyse, type Catalogue } from '../known.js';
import { type DocumentPath, formatPath } from '../source/source.js';

/**
 * The names that the expression at a path sees; empty if the path does not lead to an expression.
 * @param path of the mapping that holds the expression
 */
export function namesSeen(
  document: Json,
  path: DocumentPath,
  catalogue: Catalogue,
): ReadonlyMap<string, Shape> {
  const wanted = formatPath(path);
  let seen: ReadonlyMap<string, Shape> = new Map();
  analyse(document, catalogue, (at, names) => {
    // A loop's body is read more than once; the last time knows most.
    if (formatPath(at.path) === wanted) seen = listed(names);
  });
  return seen;
}

function listed({ layer, lexical }: Names): ReadonlyMap<string, Shape> {
  const vars = new Map([...(layer?.names() ?? [])].map((name) => [name, layer?.get(name)?.shape ?? ANY]));
  const event = layer?.get(EVENT)?.shape ?? { ...EVENT_SHAPE, kinds: EVENT_SHAPE.kinds | KIND.null };
  return new Map([
    ...vars,
    ...(layer === undefined
      ? []
      : ([
          ['vars', { kinds: KIND.object, fields: vars, open: true }],
          ['event', event],
        ] as const)),
    ...lexical,
  ]);
}

/** What is known at the end of a chain of fields, such as `vars`, `order`; undefined: nothing. */
export function shapeAt(names: ReadonlyMap<string, Shape>, chain: readonly string[]): Shape | undefined {
  const [first = '', ...rest] = chain;
  return rest.reduce<Shape | undefined>(
    (shape, name) => shape && fieldOf(elementOf(shape), name),
    names.get(first.replace(/^\$/, '')),
  );
}

/** Fields that a text of a shape shows. */
const SHOWN_FIELDS = 20;

/** The shape in words, with the fields of an object. */
export function shapeInWords(shape: Shape): string {
  if (shape.kinds === ANY.kinds) return 'anything';
  const fields = knownFields(elementOf(shape));
  const more = fields.length > SHOWN_FIELDS ? ', …' : '';
  const listedFields = fields.length === 0 ? '' : `: ${fields.slice(0, SHOWN_FIELDS).join(', ')}${more}`;
  return `${kindsInWords(shape.kinds & ~KIND.nothing)}${listedFields}`;
}
