/**
 * The ties of a policy: facts of a request without which it can't apply, whether it permits or forbids.
 *
 * They are read from its scope (`principal == …`, `resource == …`) and from the conjunctions of its `when`s:
 * `a == "x"`, `["x", "y"].contains(a)`, `tags.contains("x")`, `flag`, `!flag`, and `||` of such terms about
 * one fact. Any other term ties it to nothing: a policy that can't apply may count as one that can, never the
 * other way round.
 */
import { isJsonObject, type Json, type JsonObject } from '../contracts/json.js';
import { cedar } from './cedar.js';

/** A value of a fact, as text: `"text"`, `5`, `true`, `User::"ada"`. */
type Fact = string;

/** A request's values by fact (`principal`, `resource.tenant`, …): one, or as many as a set has. */
export type Facts = ReadonlyMap<string, readonly Fact[]>;

/** The policy applies only if the request has one of these values of the fact. */
export interface Tie {
  readonly fact: string;
  readonly values: readonly Fact[];
}

/** An entity as the value of a fact. */
export function entityFact({ type, id }: { readonly type: string; readonly id: string }): Fact {
  return `${type}::${JSON.stringify(id)}`;
}

/** A text, number or boolean as the value of a fact. */
export function plainFact(value: string | number | boolean): Fact {
  return JSON.stringify(value);
}

/**
 * The ties of a policy.
 * @param text the text of one policy, which parses
 */
export function tiesOf(text: string): readonly Tie[] {
  const answer = cedar.policyToJson(text);
  if (answer.type === 'failure') return [];
  const { principal, resource, conditions } = answer.json as unknown as JsonObject;
  const whens = (Array.isArray(conditions) ? (conditions as readonly Json[]) : []).filter(
    (condition) => at(condition, 'kind') === 'when',
  );
  return [
    ...scopeTie('principal', principal),
    ...scopeTie('resource', resource),
    ...whens.flatMap((condition) => conjuncts(at(condition, 'body'))),
  ];
}

function scopeTie(fact: 'principal' | 'resource', scope: Json | undefined): readonly Tie[] {
  const entity = at(scope, 'op') === '==' ? entityOf(at(scope, 'entity')) : undefined;
  return entity === undefined ? [] : [{ fact, values: [entity] }];
}

/** Ties of every part of a conjunction: the policy needs each of them. */
function conjuncts(expression: Json | undefined): readonly Tie[] {
  const and = at(expression, '&&');
  if (and !== undefined) return [...conjuncts(at(and, 'left')), ...conjuncts(at(and, 'right'))];
  const or = at(expression, '||');
  if (or !== undefined) return either(conjuncts(at(or, 'left')), conjuncts(at(or, 'right')));
  const tie = equality(expression) ?? membership(expression) ?? flag(expression);
  return tie === undefined ? [] : [tie];
}

/** If either of two terms must hold, the policy needs what both need of the same fact. */
function either(left: readonly Tie[], right: readonly Tie[]): readonly Tie[] {
  return left.flatMap(({ fact, values }) => {
    const other = right.find((tie) => tie.fact === fact);
    return other === undefined ? [] : [{ fact, values: [...values, ...other.values] }];
  });
}

/** `a == value`, either way round. */
function equality(expression: Json | undefined): Tie | undefined {
  const equal = at(expression, '==');
  if (equal === undefined) return undefined;
  const [left, right] = [at(equal, 'left'), at(equal, 'right')];
  const fact = factOf(left) ?? factOf(right);
  const value = valueOf(left) ?? valueOf(right);
  return fact === undefined || value === undefined ? undefined : { fact, values: [value] };
}

/** `["x", "y"].contains(a)`: a is one of them; `tags.contains("x")`: the fact has it among its values. */
function membership(expression: Json | undefined): Tie | undefined {
  const contains = at(expression, 'contains');
  const [set, item] = [at(contains, 'left'), at(contains, 'right')];
  const members = at(set, 'Set');
  if (Array.isArray(members)) {
    const fact = factOf(item);
    const values = (members as readonly Json[]).map(valueOf);
    const literals = values.filter((value) => value !== undefined);
    return fact === undefined || literals.length < values.length ? undefined : { fact, values: literals };
  }
  const [fact, value] = [factOf(set), valueOf(item)];
  return fact === undefined || value === undefined ? undefined : { fact, values: [value] };
}

/** `flag` or `!flag`. */
function flag(expression: Json | undefined): Tie | undefined {
  const plain = factOf(expression);
  if (plain !== undefined) return { fact: plain, values: [plainFact(true)] };
  const negated = factOf(at(at(expression, '!'), 'arg'));
  return negated === undefined ? undefined : { fact: negated, values: [plainFact(false)] };
}

/** `principal`, `resource`, or an attribute of the resource or the context. */
function factOf(expression: Json | undefined): string | undefined {
  const variable = at(expression, 'Var');
  if (variable === 'principal' || variable === 'resource') return variable;
  const access = at(expression, '.');
  const [of, attribute] = [at(at(access, 'left'), 'Var'), at(access, 'attr')];
  return (of === 'resource' || of === 'context') && typeof attribute === 'string'
    ? `${of}.${attribute}`
    : undefined;
}

function valueOf(expression: Json | undefined): Fact | undefined {
  const value = at(expression, 'Value');
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return plainFact(value);
  }
  return entityOf(at(value, '__entity'));
}

function entityOf(entity: Json | undefined): Fact | undefined {
  const [type, id] = [at(entity, 'type'), at(entity, 'id')];
  return typeof type === 'string' && typeof id === 'string' ? entityFact({ type, id }) : undefined;
}

function at(value: Json | undefined, key: string): Json | undefined {
  return isJsonObject(value) ? value[key] : undefined;
}
