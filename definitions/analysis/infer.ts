/**
 * What an expression gives, by its tree, and what in it can mean nothing.
 *
 * Invariant [no-false-alarm]: an error is a place that fails or gives nothing with every payload; a warning
 * is one that gives nothing on a path that the document has.
 */
import { nearNames } from '../../contracts/near.js';
import type { ParsedExpression, SyntaxNode } from '../../expressions/index.js';
import { meantHint } from '../source/finding.js';
import { doubtOf, misspelt, type Names, type Remark, unknownName } from './names.js';
import { EVENT } from './scope.js';
import {
  ANY,
  BOOLEAN,
  elementOf,
  fieldOf,
  FUNCTION,
  itemOf,
  KIND,
  kindsInWords,
  knownFields,
  listOf,
  NOTHING,
  NULL,
  NUMBER,
  orElse,
  sequenceOf,
  type Shape,
  tellsFields,
  TEXT,
  union,
} from './shape.js';
import { argumentProblems, isFunction, isNever, resultOf } from './calls.js';

/** How a missing value is taken: as a mistake, as one of two cases, or as what the author asks for. */
const Missing = { wrong: 0, possible: 1, asked: 2 } as const;

interface Place {
  /** What bare names are fields of; undefined at the top, where they are the names of the scope. */
  readonly here: Shape | undefined;
  readonly missing: number;
  /** Variables of the expression itself. */
  readonly bound: Map<string, Shape>;
}

/** The value of `vars`: its fields are variables. */
const VARS: Shape = { kinds: KIND.object };

/** Functions that ask whether a value exists, or take one that is missing. */
const ASKING = ['exists', 'coalesce', 'type', 'boolean'];
const TAKING = ['len', 'toString', 'append()', 'count', 'string', 'append', 'not'];

/**
 * The shape of what an expression gives.
 * @param report is told what is wrong, in the order of the tree
 */
export function infer(expression: ParsedExpression, names: Names, report: (remark: Remark) => void): Shape {
  const reader = new Reader(expression.starts, names);
  const shape = reader.read(expression.tree, { here: undefined, missing: Missing.wrong, bound: new Map() });
  for (const remark of reader.said()) report(remark);
  return shape === VARS ? { kinds: KIND.object } : shape;
}

class Reader {
  private readonly remarks: Remark[] = [];
  private readonly doubts: { readonly name: string; readonly remark: Remark }[] = [];
  /** Variables of which the expression asks whether they exist. */
  private readonly tested = new Set<string>();

  constructor(
    private readonly starts: ReadonlyMap<number, number>,
    private readonly names: Names,
  ) {}

  said(): readonly Remark[] {
    const doubts = this.doubts.filter(({ name }) => !this.tested.has(name)).map(({ remark }) => remark);
    return [...this.remarks, ...doubts];
  }

  read(node: SyntaxNode, place: Place): Shape {
    let shape = this.readBare(node, place);
    for (const filter of nodes(node['predicate'])) shape = this.filtered(shape, filter, place);
    if (node.type !== 'path' && node['group'] !== undefined) shape = this.grouped(shape, node, place);
    return shape;
  }

  private readBare(node: SyntaxNode, place: Place): Shape {
    switch (node.type) {
      case 'string':
        return TEXT;
      case 'number':
        return NUMBER;
      case 'value':
        return node.value === null ? NULL : typeof node.value === 'boolean' ? BOOLEAN : ANY;
      case 'regex':
        return FUNCTION;
      case 'name':
        return this.named(node, place);
      case 'variable':
        return this.variable(node, place);
      case 'path':
        return this.path(node, place);
      case 'binary':
        return this.binary(node, place);
      case 'unary':
        return this.unary(node, place);
      case 'block':
        return this.block(node, place);
      case 'bind': {
        const shape = this.read(child(node, 'rhs'), place);
        place.bound.set(String(child(node, 'lhs').value), shape);
        return shape;
      }
      case 'condition':
        return this.choice(node, place);
      case 'function':
        return this.call(node, nodes(node['arguments']), place);
      case 'partial':
        for (const argument of nodes(node['arguments'])) this.read(argument, place);
        return FUNCTION;
      case 'lambda':
        this.lambda(node, ANY, place);
        return FUNCTION;
      case 'apply':
        return this.applied(node, place);
      default:
        return ANY;
    }
  }

  private say(node: SyntaxNode, remark: Omit<Remark, 'position'>): void {
    const end = node.position ?? 0;
    this.remarks.push({ ...remark, position: this.starts.get(end) ?? end });
  }

  private named(node: SyntaxNode, { here, missing }: Place): Shape {
    const name = String(node.value);
    if (here !== undefined) return this.field(here, node, missing, true);
    const { lexical, layer } = this.names;
    const shape = lexical.get(name);
    if (name === 'error' && shape === NULL) return this.missingName(node, name, missing);
    if (shape !== undefined) return shape;
    if (name === 'vars' && layer !== undefined) return VARS;
    if (name === EVENT && layer !== undefined) return this.event(node, missing);
    return this.assigned(node, name, missing);
  }

  private event(node: SyntaxNode, missing: number): Shape {
    const entry = this.names.layer?.get(EVENT);
    if (entry === undefined) {
      if (missing !== Missing.asked) {
        const message = 'event is null here: no step before this one waits for an event';
        this.say(node, { level: 'error', code: 'NAME_UNKNOWN', message });
      }
      return NULL;
    }
    return entry.certain ? entry.shape : orElse(entry.shape, KIND.null);
  }

  /** A variable by its name. */
  private assigned(node: SyntaxNode, name: string, missing: number): Shape {
    const entry = this.names.layer?.get(name);
    if (entry === undefined) return this.missingName(node, name, missing);
    const doubt = doubtOf(name, entry, this.names);
    if (missing === Missing.asked) this.tested.add(name);
    if (doubt !== undefined && missing === Missing.wrong) {
      const end = node.position ?? 0;
      const position = this.starts.get(end) ?? end;
      const hint = `coalesce(vars.${name}, …) says what counts then`;
      this.doubts.push({
        name,
        remark: { level: 'warning', code: 'NAME_UNSURE', message: doubt, hint, position },
      });
    }
    return entry.certain ? entry.shape : orElse(entry.shape, KIND.nothing);
  }

  private missingName(node: SyntaxNode, name: string, missing: number): Shape {
    const level = missing === Missing.asked ? 'warning' : 'error';
    // Outside a catch, error is null, and an author may ask whether it is.
    if (name !== 'error' || missing !== Missing.asked) {
      this.say(node, { level, code: 'NAME_UNKNOWN', ...unknownName(name, this.names) });
    }
    return NOTHING;
  }

  private variable(node: SyntaxNode, { here, bound, missing }: Place): Shape {
    const name = String(node.value);
    if (name === '') return here ?? ANY;
    if (name === '$') return ANY;
    const own = bound.get(name);
    if (own !== undefined) return own;
    const { lexical, layer } = this.names;
    const shape = lexical.get(name);
    if (name === 'error' && shape === NULL) return this.missingName(node, name, missing);
    if (shape !== undefined) return shape;
    if (name === 'vars' && layer !== undefined) return VARS;
    if (name === EVENT && layer !== undefined) return this.event(node, missing);
    if (isFunction(name) || ASKING.includes(name) || TAKING.includes(name)) {
      return FUNCTION;
    }
    if (layer?.get(name) !== undefined) {
      const hint = `write vars.${name}`;
      const message = `$${name} is not a variable of the run: those have no dollar`;
      this.say(node, { level: 'error', code: 'NAME_UNKNOWN', message, hint });
    } else {
      this.say(node, { level: 'error', code: 'NAME_UNKNOWN', ...unknownName(name, this.names) });
    }
    return NOTHING;
  }

  /** @param bare whether the name stands alone, as a field of the context */
  private field(shape: Shape, node: SyntaxNode, missing: number, bare = false): Shape {
    const name = String(node.value);
    if (shape === VARS) return this.assigned(node, name, missing);
    const found = fieldOf(shape, name);
    const known = knownFields(shape);
    if (found.kinds === KIND.nothing && tellsFields(shape)) {
      const level = missing === Missing.asked ? 'warning' : 'error';
      this.say(node, { level, code: 'NAME_UNKNOWN', ...this.noField(shape, name, bare) });
    } else if (!known.includes(name)) {
      const meant = misspelt(name, known);
      if (meant !== undefined) {
        const message = `the schema does not name the field ${name}`;
        this.say(node, { level: 'warning', code: 'NAME_UNKNOWN', message, hint: meantHint([meant]) });
      }
    }
    return found;
  }

  private noField(
    shape: Shape,
    name: string,
    bare: boolean,
  ): { readonly message: string; readonly hint?: string | undefined } {
    const { lexical, layer } = this.names;
    if (bare && (lexical.has(name) || name === 'vars' || name === EVENT)) {
      const hint = `write $${name}`;
      return { message: `inside brackets and after a dot, ${name} is a field of what stands before`, hint };
    }
    if (bare && layer?.get(name) !== undefined) {
      const hint = `write $vars.${name}`;
      return { message: `inside brackets and after a dot, ${name} is a field of what stands before`, hint };
    }
    const known = knownFields(shape);
    if (known.length === 0 && (shape.kinds & (KIND.object | KIND.list)) === 0) {
      return { message: `${kindsInWords(shape.kinds)} has no field ${name}` };
    }
    const near = meantHint(nearNames(name, known));
    const shown = known.slice(0, 12).join(', ');
    return {
      message: `there is no field ${name} here`,
      hint: near ?? (known.length === 0 ? undefined : `known here: ${shown}`),
    };
  }

  private path(node: SyntaxNode, place: Place): Shape {
    const [first, ...rest] = nodes(node['steps']);
    if (first === undefined) return ANY;
    const bound = new Map(place.bound);
    let current = this.staged(this.read(first, { ...place, bound }), first, { ...place, bound });
    for (const step of rest) {
      if (first['tuple'] === true || step['tuple'] === true) current = ANY;
      current = this.staged(this.next(current, step, { ...place, bound }), step, { ...place, bound });
    }
    if (node['keepSingletonArray'] === true) {
      current = orElse(listOf(itemOf(current === VARS ? ANY : current)), KIND.nothing);
    }
    return node['group'] === undefined ? current : this.grouped(current, node, place);
  }

  /** One step of a path after the first. */
  private next(current: Shape, step: SyntaxNode, place: Place): Shape {
    if (step.type === 'name') return this.field(current, step, place.missing);
    const inside = { ...place, here: inner(current) };
    if (step.type === 'sort') {
      const terms = Array.isArray(step['terms']) ? (step['terms'] as readonly SyntaxNode[]) : [];
      for (const term of terms) this.read(child(term, 'expression'), inside);
      return current === VARS ? ANY : sequenceOf(itemOf(current));
    }
    const shape = this.read(step, inside);
    return sequenceOf(shape);
  }

  /** A step with its filters, and the names that it binds. */
  private staged(shape: Shape, step: SyntaxNode, place: Place): Shape {
    for (const key of ['focus', 'index']) {
      const name = step[key];
      if (typeof name === 'string') place.bound.set(name, ANY);
    }
    let current = shape;
    for (const stage of nodes(step['stages'])) {
      if (stage.type === 'filter') current = this.filtered(current, stage, place);
      else if (stage.type === 'index' && typeof stage.value === 'string') place.bound.set(stage.value, ANY);
    }
    return current;
  }

  private filtered(shape: Shape, filter: SyntaxNode, place: Place): Shape {
    const expression = filter['expr'];
    if (isNode(expression)) {
      this.read(expression, { ...place, here: inner(shape), missing: Missing.possible });
    }
    return shape === VARS ? ANY : sequenceOf(itemOf(shape));
  }

  private grouped(shape: Shape, node: SyntaxNode, place: Place): Shape {
    const group = node['group'];
    const pairs = (group as { readonly lhs?: unknown } | undefined)?.lhs;
    for (const pair of Array.isArray(pairs) ? (pairs as unknown[]) : []) {
      for (const part of nodes(pair)) this.read(part, { ...place, here: inner(shape) });
    }
    return ANY;
  }

  private binary(node: SyntaxNode, place: Place): Shape {
    const operator = String(node.value);
    if (operator === '=' || operator === '!=') {
      const sides = [child(node, 'lhs'), child(node, 'rhs')];
      // Whether something is null is asked of what may not be there.
      const asks = sides.some(({ type, value }) => type === 'value' && value === null);
      const missing = asks ? Missing.asked : Math.max(place.missing, Missing.possible);
      for (const side of sides) this.read(side, { ...place, missing });
      return BOOLEAN;
    }
    const left = this.read(child(node, 'lhs'), place);
    const right = this.read(child(node, 'rhs'), place);
    const mayLack = (left.kinds | right.kinds) & KIND.nothing;
    switch (operator) {
      case '&':
        return TEXT;
      case 'and':
      case 'or':
      case 'in':
        return BOOLEAN;
      case '..':
        this.takes(node, `${operator} takes numbers`, [left, right], KIND.number);
        return listOf(NUMBER);
      case '+':
      case '-':
      case '*':
      case '/':
      case '%':
        this.takes(node, `${operator} takes numbers`, [left, right], KIND.number);
        return orElse(NUMBER, mayLack);
      case '<':
      case '>':
      case '<=':
      case '>=':
        this.takes(node, `${operator} takes numbers or texts`, [left, right], KIND.number | KIND.text);
        this.sameKind(node, operator, left, right);
        return orElse(BOOLEAN, mayLack);
      default:
        return ANY;
    }
  }

  private takes(node: SyntaxNode, what: string, operands: readonly Shape[], kinds: number): void {
    const wrong = operands.find((operand) => isNever(operand, kinds));
    if (wrong === undefined) return;
    const message = `${what}, never ${kindsInWords(wrong.kinds & ~KIND.nothing)}`;
    const hint = what.startsWith('+') && (wrong.kinds & KIND.text) !== 0 ? 'join texts with &' : undefined;
    this.say(node, { level: 'error', code: 'EXPRESSION', message, hint });
  }

  private sameKind(node: SyntaxNode, operator: string, left: Shape, right: Shape): void {
    const [a, b] = [left, right].map(({ kinds }) => kinds & ~KIND.nothing);
    const apart = (a === KIND.text && b === KIND.number) || (a === KIND.number && b === KIND.text);
    if (!apart) return;
    const message = `${operator} compares two numbers or two texts, not text with a number`;
    this.say(node, { level: 'error', code: 'EXPRESSION', message });
  }

  private unary(node: SyntaxNode, place: Place): Shape {
    if (node.value === '-') {
      const operand = this.read(child(node, 'expression'), place);
      this.takes(node, '- takes a number', [operand], KIND.number);
      return orElse(NUMBER, operand.kinds & KIND.nothing);
    }
    if (node.value === '[') {
      const items = nodes(node['expressions']).map((item) => {
        const shape = plain(this.read(item, place));
        // A list in a list stays one; any other list gives its items.
        return item.type === 'unary' && item.value === '[' ? shape : itemOf(shape);
      });
      const known = items.filter(({ kinds }) => kinds !== 0);
      return known.length === 0 ? { kinds: KIND.list } : listOf(known.reduce((a, b) => union(a, b)));
    }
    if (node.value !== '{' || !Array.isArray(node['lhs'])) return ANY;
    const fields = new Map<string, Shape>();
    let open = false;
    for (const pair of node['lhs'] as readonly unknown[]) {
      const [key, value] = nodes(pair);
      if (key === undefined || value === undefined) continue;
      const shape = plain(this.read(value, place));
      if (key.type === 'string' && typeof key.value === 'string') {
        // A list of one that a path gives is its item, once it is read as a field.
        fields.set(key.value, (shape.kinds & KIND.list) === 0 ? shape : sequenceOf(itemOf(shape)));
      } else {
        this.read(key, place);
        open = true;
      }
    }
    return { kinds: KIND.object, fields, open };
  }

  private block(node: SyntaxNode, place: Place): Shape {
    const inside = { ...place, bound: new Map(place.bound) };
    let last: Shape = NOTHING;
    for (const expression of nodes(node['expressions'])) last = this.read(expression, inside);
    return last;
  }

  private choice(node: SyntaxNode, place: Place): Shape {
    this.read(child(node, 'condition'), { ...place, missing: Missing.asked });
    const inside = { ...place, missing: Math.max(place.missing, Missing.possible) };
    const then = plain(this.read(child(node, 'then'), inside));
    const otherwise = isNode(node['else']) ? plain(this.read(node['else'], inside)) : NOTHING;
    return union(then, otherwise);
  }

  private lambda(node: SyntaxNode, first: Shape, place: Place): Shape {
    const bound = new Map(place.bound);
    for (const [index, parameter] of nodes(node['arguments']).entries()) {
      bound.set(String(parameter.value), index === 0 ? first : ANY);
    }
    return this.read(child(node, 'body'), { ...place, bound });
  }

  private applied(node: SyntaxNode, place: Place): Shape {
    const right = child(node, 'rhs');
    if (right.type === 'function') {
      return this.call(right, [child(node, 'lhs'), ...nodes(right['arguments'])], place);
    }
    this.read(child(node, 'lhs'), place);
    if (right.type !== 'variable') this.read(right, place);
    return ANY;
  }

  private call(node: SyntaxNode, given: readonly SyntaxNode[], place: Place): Shape {
    const procedure = child(node, 'procedure');
    const name = procedure.type === 'variable' ? String(procedure.value) : undefined;
    if (name === undefined || place.bound.has(name)) {
      // A name is checked as a function; its value is not known.
      if (procedure.type === 'lambda') this.read(procedure, place);
      for (const argument of given) this.read(argument, place);
      return ANY;
    }
    const missing = ASKING.includes(name)
      ? Missing.asked
      : TAKING.includes(name)
        ? Math.max(place.missing, Missing.possible)
        : place.missing;
    const shapes: Shape[] = [];
    for (const argument of given) {
      if (argument.type === 'lambda') {
        const list = shapes[0] ?? ANY;
        const overItems = ['map', 'filter', 'single'].includes(name);
        this.lambda(argument, overItems ? elementOf(list) : ANY, { ...place, missing });
        shapes.push(FUNCTION);
      } else {
        shapes.push(plain(this.read(argument, { ...place, missing })));
      }
    }
    for (const message of argumentProblems(name, shapes, place.here !== undefined)) {
      this.say(procedure, { level: 'error', code: 'EXPRESSION', message });
    }
    return resultOf(name, shapes);
  }
}

/** What names are fields of, inside brackets and after a dot. */
function inner(shape: Shape): Shape {
  return shape === VARS ? ANY : itemOf(shape);
}

function plain(shape: Shape): Shape {
  return shape === VARS ? { kinds: KIND.object } : shape;
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value;
}

function nodes(value: unknown): readonly SyntaxNode[] {
  return Array.isArray(value) ? (value as unknown[]).filter(isNode) : [];
}

function child(node: SyntaxNode, key: string): SyntaxNode {
  const value = node[key];
  return isNode(value) ? value : { type: 'none' };
}
