/**
 * What is known of a value before a run.
 *
 * Invariant [no-false-alarm]: a shape covers every value that a run can have at that place. Where nothing is
 * known the shape is ANY, which has no problem anywhere; so each operation may forget, and may not guess.
 */
import { isJsonObject, type Json } from '../../contracts/json.js';

/** The kinds of values, as bits. */
export const KIND = {
  nothing: 1,
  null: 2,
  boolean: 4,
  number: 8,
  text: 16,
  list: 32,
  object: 64,
  function: 128,
} as const;

const SCALARS = KIND.boolean | KIND.number | KIND.text;

export interface Shape {
  /** Bits of KIND. */
  readonly kinds: number;
  /** Fields of an object. Without it, nothing is known of them. */
  readonly fields?: ReadonlyMap<string, Shape> | undefined;
  /** Whether an object may have fields besides `fields`. */
  readonly open?: boolean;
  /** Items of a list; absent: anything. */
  readonly items?: Shape | undefined;
}

export const ANY: Shape = { kinds: 255 };
export const NOTHING: Shape = { kinds: KIND.nothing };
export const NULL: Shape = { kinds: KIND.null };
export const BOOLEAN: Shape = { kinds: KIND.boolean };
export const NUMBER: Shape = { kinds: KIND.number };
export const TEXT: Shape = { kinds: KIND.text };
export const FUNCTION: Shape = { kinds: KIND.function };
/** Any value that JSON has. */
export const JSON_VALUE: Shape = { kinds: 255 & ~KIND.nothing & ~KIND.function };

/** A list of such items. */
export function listOf(items: Shape): Shape {
  return { kinds: KIND.list, items };
}

/** An object with these fields and no others. */
export function objectOf(fields: Readonly<Record<string, Shape>>): Shape {
  return { kinds: KIND.object, fields: new Map(Object.entries(fields)), open: false };
}

/** The shape without some kinds. */
export function without(shape: Shape, kinds: number): Shape {
  return { ...shape, kinds: shape.kinds & ~kinds };
}

/** The shape, or one of these kinds. */
export function orElse(shape: Shape, kinds: number): Shape {
  return { ...shape, kinds: shape.kinds | kinds };
}

/** Fields that a union keeps; of more, nothing is known. */
const MOST_FIELDS = 200;
/** Levels that a union looks into. */
const MOST_LEVELS = 12;

/** What is either of two shapes. */
export function union(a: Shape, b: Shape, levels = MOST_LEVELS): Shape {
  if (a === b) return a;
  const kinds = a.kinds | b.kinds;
  if (levels === 0) return { kinds };
  const items = itemsOf(a, b, levels);
  const objects = [a, b].filter((shape) => (shape.kinds & KIND.object) !== 0);
  const [first, second] = objects;
  if (first === undefined || objects.some(({ fields }) => fields === undefined)) return { kinds, items };
  if (second === undefined) return { kinds, items, fields: first.fields, open: first.open ?? true };
  if (first.fields === second.fields) {
    return { kinds, items, fields: first.fields, open: isOpen(first) || isOpen(second) };
  }
  const names = new Set([...(first.fields?.keys() ?? []), ...(second.fields?.keys() ?? [])]);
  if (names.size > MOST_FIELDS) return { kinds, items };
  const fields = new Map<string, Shape>();
  for (const name of names) {
    fields.set(name, union(ownField(first, name), ownField(second, name), levels - 1));
  }
  return { kinds, items, fields, open: isOpen(first) || isOpen(second) };
}

function isOpen({ open }: Shape): boolean {
  return open ?? true;
}

function itemsOf(a: Shape, b: Shape, levels: number): Shape | undefined {
  const lists = [a, b].filter((shape) => (shape.kinds & KIND.list) !== 0);
  const [first, second] = lists;
  if (first?.items === undefined || second === undefined) return first?.items;
  return second.items === undefined ? undefined : union(first.items, second.items, levels - 1);
}

/** A field of the object that a shape may be. */
function ownField({ fields, open }: Shape, name: string): Shape {
  if (fields === undefined) return ANY;
  return fields.get(name) ?? ((open ?? true) ? ANY : NOTHING);
}

/** The item of a list, and any other value itself. */
export function itemOf(shape: Shape): Shape {
  const inner = (shape.kinds & KIND.list) === 0 ? undefined : (shape.items ?? ANY);
  const self = without(shape, KIND.list | KIND.nothing);
  if (inner === undefined) return self;
  return self.kinds === 0 ? inner : union(self, inner);
}

/** What a loop, and a function over items, gets of a list; another value is a list of one. */
export function elementOf(list: Shape): Shape {
  const inside = (list.kinds & KIND.list) === 0 ? undefined : (list.items ?? ANY);
  const self = without(list, KIND.list | KIND.nothing);
  if (inside === undefined) return self;
  return self.kinds === 0 ? inside : union(self, inside);
}

/** What JSONata makes of a value for each item: nothing, one, or a list. */
export function sequenceOf(item: Shape): Shape {
  const one = without(item, KIND.nothing);
  if ((one.kinds & KIND.list) === 0) {
    return { ...one, kinds: one.kinds | KIND.nothing | KIND.list, items: one.kinds === 0 ? ANY : one };
  }
  // Some functions keep a list in a list, others make one list of both, which may be left with one item.
  const either = union(one, itemOf(one));
  return { ...either, kinds: either.kinds | KIND.nothing, items: either };
}

/** What the name of a field gives, for an object and for each object of a list. */
export function fieldOf(shape: Shape, name: string, levels = MOST_LEVELS): Shape {
  let found: Shape | undefined;
  const add = (part: Shape): void => {
    found = found === undefined ? part : union(found, part);
  };
  if (levels === 0) return ANY;
  if ((shape.kinds & KIND.object) !== 0) add(ownField(shape, name));
  if ((shape.kinds & KIND.list) !== 0) {
    const inner = shape.items === undefined ? ANY : fieldOf(shape.items, name, levels - 1);
    add(inner.kinds === KIND.nothing ? NOTHING : sequenceOf(inner));
  }
  if ((shape.kinds & ~(KIND.object | KIND.list)) !== 0) add(NOTHING);
  return found ?? NOTHING;
}

/** Names of the fields that an object, or the objects of a list, are known to have. */
export function knownFields(shape: Shape): readonly string[] {
  return [...new Set([...(shape.fields?.keys() ?? []), ...(shape.items?.fields?.keys() ?? [])])];
}

/** Whether the shape says something of fields: it may be an object or a list, or it is a plain value. */
export function tellsFields({ kinds }: Shape): boolean {
  return (kinds & (KIND.object | KIND.list)) !== 0 || (kinds & SCALARS) !== 0;
}

/** Items of a literal list whose shapes are joined. */
const MOST_ITEMS = 100;

/** The shape of a value that is known. */
export function shapeOf(value: Json, levels = MOST_LEVELS): Shape {
  if (value === null) return NULL;
  if (typeof value === 'boolean') return BOOLEAN;
  if (typeof value === 'number') return NUMBER;
  if (typeof value === 'string') return TEXT;
  if (levels === 0) return JSON_VALUE;
  if (Array.isArray(value)) {
    const items = value as readonly Json[];
    if (items.length === 0 || items.length > MOST_ITEMS) return { kinds: KIND.list };
    return listOf(items.map((item) => shapeOf(item, levels - 1)).reduce((a, b) => union(a, b)));
  }
  if (!isJsonObject(value)) return JSON_VALUE;
  const fields = new Map(Object.entries(value).map(([key, inner]) => [key, shapeOf(inner, levels - 1)]));
  return { kinds: KIND.object, fields, open: false };
}

/** The shape after a value was put at a path below it; missing parents are made. */
export function withAssigned(shape: Shape | undefined, path: readonly string[], value: Shape): Shape {
  const [name, ...rest] = path;
  if (name === undefined) return value;
  const base = shape ?? NOTHING;
  // A number may be the index of a list.
  if (/^\d+$/.test(name)) return ANY;
  if ((base.kinds & KIND.list) !== 0) return ANY;
  if ((base.kinds & KIND.object) !== 0 && base.fields === undefined) return { kinds: KIND.object };
  const fields = new Map(base.fields ?? []);
  if (fields.size >= MOST_FIELDS) return { kinds: KIND.object };
  fields.set(
    name,
    withAssigned(
      ownField({ ...base, fields: base.fields ?? new Map(), open: isFilled(base) }, name),
      rest,
      value,
    ),
  );
  return { kinds: KIND.object, fields, open: isFilled(base) };
}

function isFilled(base: Shape): boolean {
  return (base.kinds & KIND.object) !== 0 && (base.open ?? true);
}

const NAMES: readonly (readonly [number, string])[] = [
  [KIND.null, 'null'],
  [KIND.boolean, 'true or false'],
  [KIND.number, 'a number'],
  [KIND.text, 'text'],
  [KIND.list, 'a list'],
  [KIND.object, 'an object'],
  [KIND.function, 'a function'],
];

/** The kinds in words: `text or a number`. */
export function kindsInWords(kinds: number): string {
  const words = NAMES.filter(([bit]) => (kinds & bit) !== 0).map(([, word]) => word);
  return words.length === 0 ? 'nothing' : words.join(' or ');
}
