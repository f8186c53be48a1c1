/** The `jsonata` package as the reference, and how an outcome is compared with it. */
import jsonata from 'jsonata';
import { SluiceError } from '../../../contracts/errors.js';
import type { Json, JsonObject } from '../../../contracts/json.js';
import { evaluate } from '../../../expressions/evaluate.js';
import { evaluateRaw } from '../../../expressions/engine/engine.js';

/** The JSON text of a result (with functions as ""), or the code of an error. */
export type Outcome = { readonly json: string | undefined } | { readonly error: string };

const json = (value: unknown): Outcome => ({
  json: JSON.stringify(value, (_, v: unknown) => {
    if (typeof v === 'function') return 'ƒ';
    if (typeof v !== 'object' || v === null) return v;
    return '_jsonata_lambda' in v || '_jsonata_function' in v || isOwnFunction(v) ? 'ƒ' : v;
  }),
});

const isOwnFunction = (value: object): boolean =>
  Object.getOwnPropertySymbols(value).some(
    (symbol) => symbol.description === 'lambda' || symbol.description === 'function',
  );

function failure(thrown: unknown): Outcome {
  const code = (thrown as { code?: unknown } | null)?.code;
  // Errors of the runtime have no code, and their messages may differ.
  return { error: typeof code === 'string' ? code : 'runtime' };
}

/** The outcome of the package. */
export async function referenceOutcome(
  source: string,
  input: unknown,
  bindings: Record<string, unknown> = {},
): Promise<Outcome> {
  try {
    return json(await jsonata(source).evaluate(structuredClone(input), structuredClone(bindings)));
  } catch (thrown) {
    return failure(thrown);
  }
}

/**
 * The outcome of the package, with the items of array and object constructors failing in the order of the
 * source. The package starts them all and throws the first error in time; the synchronous engine proceeds in
 * order.
 */
export async function orderedReferenceOutcome(
  source: string,
  input: unknown,
  bindings: Record<string, unknown> = {},
): Promise<Outcome> {
  const all = Promise.all.bind(Promise);
  Promise.all = (async (promises: Iterable<unknown>) => {
    const settled = await Promise.allSettled(promises);
    for (const result of settled) if (result.status === 'rejected') throw result.reason;
    return settled.map((result) => (result as PromiseFulfilledResult<unknown>).value);
  }) as typeof Promise.all;
  try {
    return await referenceOutcome(source, input, bindings);
  } finally {
    Promise.all = all;
  }
}

/** The outcome of the synchronous engine. */
export function rawOutcome(source: string, input: unknown, bindings: Record<string, unknown> = {}): Outcome {
  try {
    return json(evaluateRaw(source, structuredClone(input), structuredClone(bindings)));
  } catch (thrown) {
    return failure(thrown);
  }
}

/** The outcome of `evaluate`, with JSONata's code for an error that has one. */
export function sluiceOutcome(
  source: string,
  root: JsonObject,
  bindings: Record<string, Json> = {},
): Outcome {
  try {
    return json(evaluate(source, { root, bindings, nowMs: 0 }));
  } catch (thrown) {
    if (!(thrown instanceof SluiceError)) throw thrown;
    const details = thrown.details as { jsonata?: string };
    return { error: details.jsonata ?? thrown.code };
  }
}
