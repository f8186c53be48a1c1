/**
 * What expressions see, and mappings made into values.
 *
 * Precedence of names: lexical, then the reserved scopes, then bare variables. Nothing is copied but the top
 * level of the variables, once for each change.
 */
import { evaluate } from '../../../expressions/index.js';
import { SluiceError } from '../../../contracts/errors.js';
import { isJsonObject, type Json, type JsonObject } from '../../../contracts/json.js';
import { now } from '../../runtime/clock.js';
import type { Lane } from './lane.js';

interface Scope {
  readonly root: JsonObject;
  readonly bindings: JsonObject;
}

/** Scopes that do not change in the life of a run. */
export interface PinnedScopes {
  readonly payload: Json;
  readonly meta: JsonObject;
  readonly system: JsonObject;
}

export class Evaluator {
  /** Work that expressions did, in the engine's own steps. */
  readonly meter = { spent: 0 };
  private readonly scopes = new WeakMap<Lane, { readonly key: readonly unknown[]; readonly scope: Scope }>();

  constructor(private readonly pinned: PinnedScopes) {}

  /**
   * Evaluates one expression.
   * @param required undefined is EXPRESSION_UNDEFINED; otherwise it is null
   * @throws SluiceError EXPRESSION_*
   */
  expression(lane: Lane, source: string, at: string, required = false, extra?: JsonObject): Json {
    const scope = this.scopeOf(lane);
    const root = extra ? { ...scope.root, ...extra } : scope.root;
    const bindings = extra ? { ...scope.bindings, ...extra } : scope.bindings;
    return evaluate(source, { root, bindings, nowMs: now() }, { at, required, meter: this.meter });
  }

  /**
   * A condition: a bare boolean, or an expression that gives one.
   * @throws SluiceError CONDITION_INVALID for anything else, EXPRESSION_*
   */
  condition(lane: Lane, condition: boolean | { readonly $expr: string }, at: string): boolean {
    if (typeof condition === 'boolean') return condition;
    const value = this.expression(lane, condition.$expr, at, true);
    if (typeof value === 'boolean') return value;
    const shown = JSON.stringify(value).slice(0, 100);
    throw new SluiceError(
      'CONDITION_INVALID',
      `The condition ${condition.$expr} gave ${shown}, which is no boolean`,
      {
        details: { source: condition.$expr },
      },
    );
  }

  /**
   * Makes a mapping into a value: literals as they are, `{$expr}` evaluated, `{$literal}` unwrapped, `{$secret}`
   * left for the activity that uses it.
   * @param extra names beside those of the scopes, before them
   */
  mapping(lane: Lane, mapping: Json, at: string, required = false, extra?: JsonObject): Json {
    if (Array.isArray(mapping)) {
      return (mapping as readonly Json[]).map((item) => this.mapping(lane, item, at, false, extra));
    }
    if (!isJsonObject(mapping)) return mapping;
    if (typeof mapping['$expr'] === 'string') {
      return this.expression(lane, mapping['$expr'], at, required, extra);
    }
    if (Object.hasOwn(mapping, '$literal')) return mapping['$literal'] as Json;
    if (Object.hasOwn(mapping, '$secret')) return mapping;
    // fromEntries makes own properties, also of a key such as __proto__.
    return Object.fromEntries(
      Object.entries(mapping).map(([key, value]) => [key, this.mapping(lane, value, at, false, extra)]),
    );
  }

  private scopeOf(lane: Lane): Scope {
    const { lexical, error } = lane.surroundings;
    const key = [lane.vars, lexical, error, lane.event];
    const cached = this.scopes.get(lane);
    if (cached && cached.key.every((part, i) => part === key[i])) return cached.scope;
    const { payload, meta, system } = this.pinned;
    const bindings: JsonObject = {
      payload,
      vars: lane.vars,
      event: lane.event,
      error,
      meta,
      system,
      ...lexical,
    };
    const scope = { bindings, root: { ...lane.vars, ...bindings } };
    this.scopes.set(lane, { key, scope });
    return scope;
  }
}
