/** Evaluates one expression in one evaluation scope. */
import { SluiceError } from '../contracts/errors.js';
import { isJsonObject, type Json, type JsonObject } from '../contracts/json.js';
import { FUNCTION_NAMES } from './functions/catalogue.js';
import { compile } from './compile.js';
import { EngineError } from './budget/engine-error.js';
import { EVALUATION, execute, theEngine } from './engine/engine.js';
import { copyShared, toJson } from './output.js';
import { expressionError, problemOf } from './problem.js';

/** The names that an expression sees. Evaluation does not copy the scope beforehand and never changes it. */
export interface EvaluationScope {
  /** The value of `$` and `$$`; bare names are its fields. */
  readonly root: JsonObject;
  /** Also bound as `$name`, except for the names of functions of the catalogue. */
  readonly bindings: Readonly<Record<string, Json>>;
  /** The time of nowIso(), epoch ms. In a workflow, workflow time. */
  readonly nowMs: number;
}

export interface EvaluationOptions {
  /** Step path, for the details of an error. */
  readonly at?: string;
  /** Whether an undefined result is the error EXPRESSION_UNDEFINED; otherwise it is null. */
  readonly required?: boolean;
  /**
   * Asked where an operand of `&` or an item of a list was undefined: whether that is EXPRESSION_UNDEFINED.
   * Otherwise it is left out, as JSONata does.
   */
  readonly refusesHoles?: (() => boolean) | undefined;
  /** Asked where such an operand or item was null: whether that is EXPRESSION_UNDEFINED too. */
  readonly refusesNulls?: (() => boolean) | undefined;
  /**
   * Asked where a bare path names a value over 256 KiB: whether it is handed on as it is. Absent: it is.
   */
  readonly handsOn?: (() => boolean) | undefined;
  /** Asked where `$pad` makes a text of over 43,690 characters: whether it may. Absent: it may. */
  readonly padsWide?: (() => boolean) | undefined;
  /** Adds up the units of work spent. */
  readonly meter?: { spent: number };
}

/**
 * Evaluates an expression, synchronously.
 *
 * @returns a fresh JSON value that shares nothing with the scope; for a bare path to a value over 256 KiB,
 *   that value itself, because it is limited where it is kept
 * @throws SluiceError EXPRESSION_SYNTAX, EXPRESSION_DISALLOWED_FUNCTION (as `check` says at publish),
 *   EXPRESSION_TYPE, EXPRESSION_NOT_JSON, EXPRESSION_TOO_LARGE (a made value over 256 KiB),
 *   EXPRESSION_BUDGET, EXPRESSION_UNDEFINED; `details` has source, position and `at`
 */
export function evaluate(source: string, scope: EvaluationScope, options: EvaluationOptions = {}): Json {
  const compiled = compile(source);
  const [problem] = compiled.problems;
  if (problem || !compiled.tree) {
    throw expressionError(
      problem ?? { code: 'EXPRESSION_SYNTAX', message: 'the expression is empty', position: 0 },
      source,
      options.at,
    );
  }
  const running = theEngine();
  const { engine, meter, allowed } = running;
  meter.start(EVALUATION);
  meter.joinsHoles = options.padsWide ?? (() => true);
  try {
    const { root, bindings } = compiled.transforms ? copyOf(scope) : scope;
    const result = execute(running, {
      node: compiled.tree,
      input: root,
      bindings: withoutFunctionNames(bindings),
      base: allowed,
      nowMs: scope.nowMs,
    });
    if (meter.undefinedOperand && options.refusesHoles?.() === true) {
      throw new EngineError('undefined', 'a part of the key is undefined');
    }
    if (meter.nullOperand && options.refusesNulls?.() === true) {
      throw new EngineError('undefined', 'a part of the key is null');
    }
    if (result !== undefined) {
      try {
        return toJson(result, [meter.flags._jsonata_lambda, meter.flags._jsonata_function]);
      } catch (thrown) {
        const large = thrown instanceof EngineError && thrown.kind === 'tooLarge';
        const named = large && compiled.path !== undefined && result === valueAt(compiled.path, scope);
        if (!named || options.handsOn?.() === false) throw thrown;
        return result as Json;
      }
    }
    if (options.required !== true) return null;
    throw new EngineError('undefined', 'the expression gives no value where one is required');
  } catch (thrown) {
    if (thrown instanceof SluiceError) throw thrown;
    const found = problemOf(thrown, engine, compiled.starts, source.length);
    // The expression has parsed, so a syntax error comes from a function and is about its arguments.
    const code = found.code === 'EXPRESSION_SYNTAX' ? 'EXPRESSION_TYPE' : found.code;
    throw expressionError({ ...found, code }, source, options.at);
  } finally {
    if (options.meter) options.meter.spent += meter.spent;
  }
}

/** The value that a bare path names, where it leads through objects only. */
function valueAt([first, ...names]: readonly string[], { root, bindings }: EvaluationScope): unknown {
  const name = first?.startsWith('$') === true ? first.slice(1) : undefined;
  let value: unknown = name === undefined ? field(root, first) : root;
  if (name !== undefined && name !== '' && name !== '$') value = field(bindings, name);
  for (const inner of names) value = field(value, inner);
  return value;
}

function field(value: unknown, name: string | undefined): unknown {
  if (name === undefined || !isJsonObject(value) || !Object.hasOwn(value, name)) return undefined;
  return value[name];
}

/** A copy for the transform operator to change. The expression pays for it. */
function copyOf({ root, bindings }: EvaluationScope) {
  const { meter } = theEngine();
  return copyShared({ root, bindings }, meter);
}

/** Bindings that hide no function: `$len` is the helper even if a loop names its item `len`. */
function withoutFunctionNames(bindings: Readonly<Record<string, Json>>): Readonly<Record<string, Json>> {
  for (const name of Object.keys(bindings)) {
    if (FUNCTION_NAMES.has(name)) {
      return Object.fromEntries(Object.entries(bindings).filter(([key]) => !FUNCTION_NAMES.has(key)));
    }
  }
  return bindings;
}
