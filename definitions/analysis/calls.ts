/** What calls take and give, by the signatures that the functions themselves declare. */
import { signatureOf } from '../../expressions/index.js';
import {
  ANY,
  BOOLEAN,
  itemOf,
  KIND,
  kindsInWords,
  listOf,
  NULL,
  NUMBER,
  orElse,
  sequenceOf,
  type Shape,
  TEXT,
  union,
  without,
} from './shape.js';

interface Parameter {
  readonly kinds: number;
  /** Kinds of the items, where the argument is a list; a single value is taken as a list of one. */
  readonly items: number | undefined;
  readonly optional: boolean;
  /** Whether the context takes its place where it is left out. */
  readonly context: boolean;
  readonly repeated: boolean;
}

interface Signature {
  readonly parameters: readonly Parameter[];
  readonly result: number;
}

const SYMBOLS: Readonly<Record<string, number>> = {
  s: KIND.text,
  n: KIND.number,
  b: KIND.boolean,
  l: KIND.null,
  a: KIND.list,
  o: KIND.object,
  f: KIND.function,
  u: KIND.boolean | KIND.number | KIND.text | KIND.null,
  j: ANY.kinds & ~KIND.function,
  x: ANY.kinds,
};

const cache = new Map<string, Signature | undefined>();

/** The signature of a function of the catalogue; undefined where it declares none. */
function signature(name: string): Signature | undefined {
  if (!cache.has(name)) {
    const text = signatureOf(name);
    cache.set(name, text === undefined ? undefined : read(text));
  }
  return cache.get(name);
}

function read(text: string): Signature {
  const parameters: Parameter[] = [];
  const inner = text.slice(1, -1);
  let at = 0;
  for (; at < inner.length && inner.charAt(at) !== ':'; at++) {
    const symbol = inner.charAt(at);
    const last = parameters.at(-1);
    if (symbol === '(') {
      const end = inner.indexOf(')', at);
      parameters.push(ofKinds([...inner.slice(at + 1, end)].reduce((all, s) => all | kindsOf(s), 0)));
      at = end;
    } else if (symbol === '<') {
      const end = closing(inner, at);
      const items = inner.charAt(at - 1) === 'a' ? kindsOf(inner.slice(at + 1, end)) : undefined;
      if (last !== undefined) parameters[parameters.length - 1] = { ...last, items };
      at = end;
    } else if (last !== undefined && '?-+'.includes(symbol)) {
      parameters[parameters.length - 1] = {
        ...last,
        optional: last.optional || symbol === '?',
        context: last.context || symbol === '-',
        repeated: last.repeated || symbol === '+',
      };
    } else {
      parameters.push(ofKinds(kindsOf(symbol)));
    }
  }
  return { parameters, result: kindsOf(inner.charAt(at + 1) || 'x') };
}

function ofKinds(kinds: number): Parameter {
  return { kinds, items: undefined, optional: false, context: false, repeated: false };
}

function kindsOf(symbol: string): number {
  return SYMBOLS[symbol] ?? ANY.kinds;
}

function closing(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text.charAt(at) === '<') depth++;
    if (text.charAt(at) === '>' && --depth === 0) return at;
  }
  return text.length;
}

const RESULTS: Readonly<Record<string, Shape>> = {
  nowIso: TEXT,
  len: NUMBER,
  toString: TEXT,
  dateAdd: TEXT,
  dateDiff: { kinds: KIND.text | KIND.number },
  exists: BOOLEAN,
  count: NUMBER,
  type: orElse(TEXT, KIND.nothing),
};

/** Whether a name is that of a function. */
export function isFunction(name: string): boolean {
  return signature(name) !== undefined || name in RESULTS;
}

/**
 * What is wrong with the arguments of a call.
 * @param inside whether the call has its own context, after a dot or inside brackets
 */
export function argumentProblems(name: string, given: readonly Shape[], inside: boolean): string[] {
  const declared = signature(name);
  if (declared === undefined) return [];
  const { parameters } = declared;
  const most = parameters.length;
  if (given.length > most && parameters.at(-1)?.repeated !== true) {
    return [`$${name} takes at most ${most} ${most === 1 ? 'argument' : 'arguments'}`];
  }
  if (given.length < parameters.filter(({ optional }) => !optional).length) {
    const [first] = parameters;
    // The context takes the place of the first argument: at the top, that is the object of all names.
    const lacks = first?.context === true && !inside && (first.kinds & KIND.object) === 0;
    return lacks ? [`$${name} needs ${kindsInWords(first.kinds)} as its first argument`] : [];
  }
  return given.flatMap((shape, index) => {
    const parameter = parameters[Math.min(index, most - 1)];
    if (parameter === undefined) return [];
    const takesList = parameter.kinds === KIND.list;
    const kinds = takesList ? (parameter.items ?? ANY.kinds) | KIND.list : parameter.kinds;
    if (!isNever(shape, kinds)) return [];
    const wanted = takesList ? `a list or ${kindsInWords(kinds & ~KIND.list)}` : kindsInWords(kinds);
    return [`$${name} takes ${wanted}, never ${kindsInWords(shape.kinds & ~KIND.nothing)}`];
  });
}

/** Whether a value is there and is never of these kinds. */
export function isNever({ kinds }: Shape, wanted: number): boolean {
  const given = kinds & ~KIND.nothing;
  return given !== 0 && (given & wanted) === 0;
}

/** What a call gives. */
export function resultOf(name: string, given: readonly Shape[]): Shape {
  const known = RESULTS[name];
  if (known !== undefined) return known;
  const [first = ANY, second = ANY] = given;
  switch (name) {
    case 'coalesce': {
      const last = given.at(-1) ?? NULL;
      const there = given
        .map((shape) => without(shape, KIND.nothing | KIND.null))
        .filter(({ kinds }) => kinds !== 0);
      const lacks = (last.kinds & (KIND.nothing | KIND.null)) === 0 ? 0 : KIND.null;
      return there.length === 0
        ? NULL
        : orElse(
            there.reduce((a, b) => union(a, b)),
            lacks,
          );
    }
    case 'append()': {
      const items = itemOf(without(first, KIND.null));
      const added =
        (second.kinds & KIND.nothing) === 0 ? second : orElse(without(second, KIND.nothing), KIND.null);
      return listOf(items.kinds === 0 ? added : union(items, added));
    }
    case 'append':
      return sequenceOf(union(itemOf(first), itemOf(second)));
    case 'filter':
    case 'sort':
    case 'reverse':
    case 'distinct':
      return sequenceOf(itemOf(first));
    default: {
      const { result = ANY.kinds } = signature(name) ?? {};
      const plainResult = result === KIND.text || result === KIND.number || result === KIND.boolean;
      return plainResult ? { kinds: result | KIND.nothing } : ANY;
    }
  }
}
