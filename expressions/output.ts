/** Copies results to plain JSON: finite, bounded, and sharing nothing with the input. */
import type { Json } from '../contracts/json.js';
import { jsonSize } from '../contracts/json.js';
import { EngineError } from './budget/engine-error.js';
import type { Meter } from './metering/meter.js';
import { MAX_OUTPUT, MAX_OUTPUT_DEPTH } from './budget/limits.js';

const notJson = (what: string) =>
  new EngineError('notJson', `the expression gives ${what}, which is no JSON value`);
const tooLarge = () =>
  new EngineError('tooLarge', `the result has more than ${MAX_OUTPUT / 1024} KiB as JSON`);

/** A deep copy of a defined value as JSON. */
export function toJson(value: unknown, functions: readonly symbol[]): Json {
  // Every value takes at least one byte, so counting values bounds the copy while its size is unknown.
  let room = MAX_OUTPUT;
  const take = (bytes: number) => {
    if ((room -= bytes) < 0) throw tooLarge();
  };
  const copy = (item: unknown, depth: number): Json => {
    take(1);
    if (item === null || typeof item === 'boolean') return item;
    if (typeof item === 'string') {
      take(item.length);
      return item;
    }
    if (typeof item === 'number') {
      if (!Number.isFinite(item)) throw notJson(Number.isNaN(item) ? 'NaN' : 'an infinite number');
      return item === 0 ? 0 : item; // JSON has no -0
    }
    if (typeof item !== 'object') {
      throw notJson(typeof item === 'function' ? 'a function' : `a ${typeof item}`);
    }
    if (functions.some((flag) => flag in item)) throw notJson('a function');
    if (depth >= MAX_OUTPUT_DEPTH) {
      throw notJson(`a value nested deeper than ${MAX_OUTPUT_DEPTH} levels, or one that contains itself`);
    }
    if (Array.isArray(item)) {
      take(item.length);
      return Array.from(item as unknown[], (element) =>
        element === undefined ? null : copy(element, depth + 1),
      );
    }
    const object: Record<string, Json> = {};
    for (const key of Object.keys(item)) {
      const inner = (item as Record<string, unknown>)[key];
      if (inner === undefined) continue;
      take(key.length);
      const copied = copy(inner, depth + 1);
      // Assignment to this key would set the prototype.
      if (key === '__proto__') {
        Object.defineProperty(object, key, {
          value: copied,
          writable: true,
          enumerable: true,
          configurable: true,
        });
      } else {
        object[key] = copied;
      }
    }
    return object;
  };
  const result = copy(value, 0);
  if (typeof result === 'string' || (typeof result === 'object' && result !== null)) {
    if (jsonSize(result) > MAX_OUTPUT) throw tooLarge();
  }
  return result;
}

/** A deep copy for a transform operator to change. It preserves shared references. */
export function copyShared<T>(value: T, meter: Meter, copies = new Map<unknown, unknown>()): T {
  meter.spend(1);
  if (typeof value !== 'object' || value === null) return value;
  const previous = copies.get(value);
  if (previous !== undefined) return previous as T;
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value) ? [] : {};
  copies.set(value, copy);
  meter.enter();
  for (const [key, inner] of Object.entries(value)) {
    Object.defineProperty(copy, key, {
      value: copyShared(inner as unknown, meter, copies),
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
  meter.depth--;
  return copy as T;
}
