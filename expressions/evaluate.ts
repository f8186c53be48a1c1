/** Evaluation of one expression in one scope. */
import { SluiceError } from '../contracts/errors.js';
import type { Json, JsonObject } from '../contracts/json.js';
import { FUNCTION_NAMES } from './functions/catalogue.js';
import { compile } from './compile.js';
import { EngineError } from './budget/engine-error.js';
import { EVALUATION, execute, theEngine } from './engine/engine.js';
import { copyShared, toJson } from './output.js';
import { expressionError, problemOf } from './problem.js';

/** What an expression sees. Nothing of it is copied beforehand, and nothing of it is ever changed. */
export interface EvaluationScope {
  /** What bare names see, and `$` and `$$`. */
  readonly root: JsonObject;
  /** Also bound as `$name`. A name of a function of the catalogue stays the function's. */
  readonly bindings: Readonly<Record<string, Json>>;
  /** Milliseconds since the epoch: what nowIso() sees. Workflow time, in a workflow. */
  readonly nowMs: number;
}

export interface EvaluationOptions {
  /** Step path, for the error's details. */
  readonly at?: string;
  /** Whether nothing (undefined) is the error EXPRESSION_UNDEFINED; otherwise it is null. */
  readonly required?: boolean;
  /** The units of work spent are added to it. */
  readonly meter?: { spent: number };
}

/**
 * Evaluates an expression, synchronously.
 *
 * @returns a fresh JSON value that shares nothing with the scope
 * @throws SluiceError EXPRESSION_SYNTAX, EXPRESSION_DISALLOWED_FUNCTION (as `check` says at publish),
 *   EXPRESSION_TYPE, EXPRESSION_NOT_JSON, EXPRESSION_TOO_LARGE (over 256 KiB), EXPRESSION_BUDGET,
 *   EXPRESSION_UNDEFINED; `details` has source, position and `at`
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
  try {
    const { root, bindings } = compiled.transforms ? owned(scope) : scope;
    const result = execute(running, compiled.tree, root, ownNames(bindings), allowed, scope.nowMs);
    if (result !== undefined) {
      return toJson(result, [meter.flags._jsonata_lambda, meter.flags._jsonata_function]);
    }
    if (options.required !== true) return null;
    throw new EngineError('undefined', 'the expression gives no value where one is required');
  } catch (thrown) {
    if (thrown instanceof SluiceError) throw thrown;
    const found = problemOf(thrown, engine, compiled.starts, source.length);
    // What parses at publish has no syntax error; one from inside a function is about what it was given.
    const code = found.code === 'EXPRESSION_SYNTAX' ? 'EXPRESSION_TYPE' : found.code;
    throw expressionError({ ...found, code }, source, options.at);
  } finally {
    if (options.meter) options.meter.spent += meter.spent;
  }
}

/** A copy that a transform operator may change. The copy is charged. */
function owned({ root, bindings }: EvaluationScope) {
  const { meter } = theEngine();
  return copyShared({ root, bindings }, meter);
}

/** Bindings that hide no function: `$len` is the helper even where a loop calls its item `len`. */
function ownNames(bindings: Readonly<Record<string, Json>>): Readonly<Record<string, Json>> {
  for (const name of Object.keys(bindings)) {
    if (FUNCTION_NAMES.has(name)) {
      return Object.fromEntries(Object.entries(bindings).filter(([key]) => !FUNCTION_NAMES.has(key)));
    }
  }
  return bindings;
}
