/** The names that an expression sees, and what is said of one that it does not see. */
import { editDistance, nearNames } from '../../contracts/near.js';
import { meantHint } from '../source/finding.js';
import { type Entry, EVENT, type Layer } from './scope.js';
import { ANY, BOOLEAN, KIND, NULL, NUMBER, objectOf, orElse, type Shape, TEXT } from './shape.js';

/** What is said of a place in an expression. */
export interface Remark {
  readonly level: 'error' | 'warning';
  readonly code: 'NAME_UNKNOWN' | 'NAME_UNSURE' | 'EXPRESSION';
  readonly message: string;
  /** In the source, from 0. */
  readonly position: number;
  readonly hint?: string | undefined;
}

/** What an expression sees at its place. */
export interface Names {
  /** Variables; absent: the place sees none. */
  readonly layer: Layer | undefined;
  /** Names of loops, catches and compensations around, and those that are always there. */
  readonly lexical: ReadonlyMap<string, Shape>;
  /** Names that some step of the document defines, each with where it is seen. */
  readonly elsewhere: ReadonlyMap<string, string>;
  /** The iteration around, whose `collect` reads values; undefined elsewhere. */
  readonly collects?: Layer | undefined;
  /** Whether a missing value is meant: a result that has a field only sometimes. */
  readonly lenient?: boolean;
  /** Whether the place has names that are not known here. */
  readonly quiet?: boolean;
}

export const ERROR_SHAPE: Shape = objectOf({
  code: TEXT,
  message: TEXT,
  category: TEXT,
  stepPath: orElse(TEXT, KIND.null),
  at: TEXT,
  attempt: NUMBER,
  details: ANY,
  iteration: ANY,
  item: ANY,
});

export const EVENT_SHAPE: Shape = objectOf({
  id: TEXT,
  source: TEXT,
  name: TEXT,
  correlationKey: orElse(TEXT, KIND.null),
  payload: ANY,
  receivedAt: TEXT,
});

const META_SHAPE: Shape = objectOf({
  runId: TEXT,
  workflowId: TEXT,
  definitionId: TEXT,
  version: NUMBER,
  hash: TEXT,
  tenant: TEXT,
  actor: ANY,
  parent: ANY,
  root: ANY,
  trigger: ANY,
});

const SYSTEM_SHAPE: Shape = objectOf({ environment: ANY, region: ANY, release: ANY });

/** The names that every step sees, besides variables. */
export function rootNames(payload: Shape): Map<string, Shape> {
  return new Map([
    ['payload', payload],
    ['error', NULL],
    ['meta', META_SHAPE],
    ['system', SYSTEM_SHAPE],
  ]);
}

/** The names inside a loop over such items. */
export function loopNames(item: Shape, itemVar: string | undefined): readonly (readonly [string, Shape])[] {
  return [
    ['item', item],
    ['index', NUMBER],
    ['length', NUMBER],
    ['isFirst', BOOLEAN],
    ['isLast', BOOLEAN],
    ...(itemVar === undefined ? [] : [[itemVar, item] as const]),
  ];
}

/** Where the names are seen that only some steps see. */
const SEEN: Readonly<Record<string, string>> = {
  item: 'inside a control.forEach',
  index: 'inside a control.forEach',
  length: 'inside a control.forEach',
  isFirst: 'inside a control.forEach',
  isLast: 'inside a control.forEach',
  error: 'inside a catch',
  output: 'in the input of a compensate',
  input: 'in the input of a compensate',
};

/** Why a name means nothing, and what was probably meant. */
export function unknownName(
  name: string,
  names: Names,
): { readonly message: string; readonly hint?: string | undefined } {
  const { layer, lexical, elsewhere } = names;
  const where = elsewhere.get(name) ?? SEEN[name];
  if (where !== undefined) return { message: `${name} is not known here`, hint: `it is known ${where}` };
  if (layer === undefined) {
    return { message: `${name} is not known here`, hint: 'a trigger sees event and nothing else' };
  }
  return {
    message: `no step before this one assigns ${name}`,
    hint: meantHint(nearNames(name, [...layer.names(), ...lexical.keys(), EVENT, 'vars'])),
  };
}

/** Shortest name of which a similar one is taken for a typing error. */
const SHORTEST = 4;
/** Length from which two edits are a typing error, too. */
const LONG = 7;

/** The field that was probably meant by one that may be there, though the schema does not name it. */
export function misspelt(name: string, fields: readonly string[]): string | undefined {
  if (name.length < SHORTEST) return undefined;
  const [near] = nearNames(name, fields, 1);
  if (near === undefined || near.replace(/\d+/g, '') === name.replace(/\d+/g, '')) return undefined;
  return editDistance(name, near) <= (name.length >= LONG ? 2 : 1) ? near : undefined;
}

/** Why a variable may have no value at a place; undefined if it has one. */
export function doubtOf(name: string, entry: Entry, names: Names): string | undefined {
  const { layer, collects } = names;
  if (names.lenient === true || layer === undefined) return undefined;
  if (collects !== undefined) {
    const own = collects.own.get(name);
    if (own?.stale === true && !layer.isSure(name, { ...own, certain: false })) {
      return `an iteration can end without assigning ${name}: collect then gets the value of another, or null`;
    }
  }
  return layer.isSure(name, entry) ? undefined : `${name} is assigned on some paths to this step only`;
}
