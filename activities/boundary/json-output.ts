/** Converts values of actions to JSON, or says why it can't. */
import { SluiceError } from '../../contracts/errors.js';
import type { Json } from '../../contracts/json.js';
import { isLossy } from '../../contracts/reading/json-faults.js';

/**
 * The value as JSON: `undefined` at the root becomes null, keys with `undefined` are omitted, `toJSON` is
 * called.
 * @throws SluiceError ACTION_OUTPUT_INVALID, with the path, for what JSON cannot hold: functions, symbols,
 * bigints, bytes, NaN, infinities, integers beyond ±(2^53 − 1), cycles, `undefined` in a list
 */
export function toJson(value: unknown): Json {
  return value === undefined ? null : convert(value, '$', new Set());
}

function convert(value: unknown, path: string, above: Set<object>): Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') {
    if (!isLossy(value)) return value;
    throw notJson(path, Number.isFinite(value) ? LOSSY : String(value));
  }
  if (typeof value !== 'object') throw notJson(path, typeof value);
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    return toJson((value.toJSON as () => unknown)());
  }
  if (ArrayBuffer.isView(value)) throw notJson(path, 'bytes; encode them as text');
  if (above.has(value)) throw notJson(path, 'a cycle');
  above.add(value);
  const converted = Array.isArray(value)
    ? value.map((item: unknown, index) => convert(item, `${path}[${index}]`, above))
    : Object.fromEntries(
        Object.entries(value)
          .filter(([, item]) => item !== undefined)
          .map(([key, item]) => [key, convert(item, `${path}.${key}`, above)]),
      );
  above.delete(value);
  return converted;
}

const LOSSY = 'an integer beyond ±(2^53 − 1), which loses digits; return it as text';

function notJson(path: string, what: string): SluiceError {
  return new SluiceError('ACTION_OUTPUT_INVALID', `The output is not JSON: ${path} is ${what}`, {
    details: { path },
  });
}

/** Like `toJson`, for an error's details. What is not JSON becomes text, because an error must not fail. */
export function toJsonOrText(value: unknown): Json {
  try {
    return toJson(value);
  } catch (error) {
    if (error instanceof SluiceError) return `${String(value)} (${error.message})`;
    throw error;
  }
}
