/**
 * Evaluation scopes of lanes: the names that expressions see.
 *
 * Precedence of names: lexical, then the reserved ones, then bare variables. Only the top level of the
 * variables is copied, once for each change.
 */
import { evaluate, evaluateCondition, evaluateMapping, type Condition } from '../../../expressions/index.js';
import { SluiceError } from '../../../contracts/errors.js';
import type { Json, JsonObject } from '../../../contracts/json.js';
import { now } from '../../runtime/clock.js';
import { Gate } from '../state/gate.js';
import type { Lane } from './lane.js';

interface LaneScope {
  readonly root: JsonObject;
  readonly bindings: JsonObject;
}

/** Names whose values do not change in the life of a run. */
export interface PinnedNames {
  readonly payload: Json;
  readonly meta: JsonObject;
  readonly system: JsonObject;
}

export interface EvaluateOptions {
  /** Step path, for the details of an error. */
  readonly at: string;
  /** True: an expression that gives undefined is EXPRESSION_UNDEFINED. Otherwise it gives null. */
  readonly required?: boolean | undefined;
  /**
   * Of a key: asked where a part of it is undefined, whether that is EXPRESSION_UNDEFINED. Otherwise the part
   * is left out, as it is of any text.
   */
  readonly refusesHoles?: (() => boolean) | undefined;
  /** The same of a part that is null, which is otherwise the text `null`. */
  readonly refusesNulls?: (() => boolean) | undefined;
  /** Further names, which take precedence over the others. */
  readonly extra?: JsonObject | undefined;
}

export class Evaluator {
  /** Work that expressions did, in the engine's own steps. */
  readonly meter = { spent: 0 };
  /** Whether a bare path to a value over 256 KiB gives that value; before, it was EXPRESSION_TOO_LARGE. */
  private readonly largeValues = new Gate('sluice-large-values');
  /** Whether `$pad` makes texts of over 43,690 characters; before, it was EXPRESSION_BUDGET. */
  private readonly widePads = new Gate('sluice-wide-pads');
  private readonly scopes = new WeakMap<
    Lane,
    { readonly key: readonly unknown[]; readonly scope: LaneScope }
  >();

  constructor(private readonly pinned: PinnedNames) {}

  /**
   * Whether a condition holds.
   * @throws SluiceError CONDITION_INVALID for a value that is not a boolean, EXPRESSION_*
   */
  condition(lane: Lane, condition: Condition, at: string): boolean {
    return evaluateCondition(
      condition,
      (source, required) => this.expression(lane, source, { at, required }),
      (shown, source) =>
        new SluiceError('CONDITION_INVALID', `The condition ${source} gave ${shown}, which is no boolean`, {
          details: { source },
        }),
    );
  }

  /**
   * Makes a mapping into a value.
   * @throws SluiceError EXPRESSION_*
   */
  mapping(lane: Lane, mapping: Json, { required, ...options }: EvaluateOptions): Json {
    return evaluateMapping(
      mapping,
      (source, mustGive) => this.expression(lane, source, { ...options, required: mustGive }),
      required,
    );
  }

  private expression(
    lane: Lane,
    source: string,
    { at, required, extra, refusesHoles, refusesNulls }: EvaluateOptions,
  ): Json {
    const scope = this.scopeOf(lane);
    const root = extra ? { ...scope.root, ...extra } : scope.root;
    const bindings = extra ? { ...scope.bindings, ...extra } : scope.bindings;
    const handsOn = (): boolean => this.largeValues.inForce();
    const padsWide = (): boolean => this.widePads.inForce();
    const asked = { refusesHoles, refusesNulls, handsOn, padsWide };
    const options = { at, required: required === true, meter: this.meter, ...asked };
    return evaluate(source, { root, bindings, nowMs: now() }, options);
  }

  private scopeOf(lane: Lane): LaneScope {
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
