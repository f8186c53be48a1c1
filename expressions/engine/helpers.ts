/** Sluice's functions. They may be called without `$`: `len(x)` is `$len(x)`. */
import { dateAdd, dateDiff } from '../dates/dates.js';
import type { EngineFunction, Engine } from '../metering/engine-types.js';
import { describe, EngineError } from '../budget/engine-error.js';
import type { Meter } from '../metering/meter.js';

type Implementation = (meter: Meter, ...args: unknown[]) => unknown;

interface Helper {
  readonly implementation: Implementation;
  /** Number of arguments that a higher-order function passes. */
  readonly arity: number;
}

/** Units for a few look-ups of the offset of a zone; each takes microseconds. */
const ZONED = 100;
/** Significant digits of a number as text, as in JSONata. */
const NUMBER_DIGITS = 15;

function len(meter: Meter, value: unknown): number {
  if (value === undefined || value === null) return 0;
  if (Array.isArray(value)) return value.length;
  if (typeof value !== 'string') {
    throw new EngineError('argument', `len takes text or a list, not ${describe(value)}`);
  }
  meter.spend(value.length >> 2);
  return [...value].length;
}

function text(meter: Meter, value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'function') throw new EngineError('argument', 'toString takes no function');
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new EngineError('notJson', 'toString was given a number that is no JSON value');
  }
  const written = JSON.stringify(meter.measure(value), (_, item: unknown) =>
    typeof item === 'number' && !Number.isInteger(item) ? Number(item.toPrecision(NUMBER_DIGITS)) : item,
  );
  return meter.text(written);
}

function append(meter: Meter, list: unknown, value: unknown): unknown[] {
  const head: unknown[] = list === undefined || list === null ? [] : Array.isArray(list) ? list : [list];
  return [...(meter.concat(head) as unknown[]), value ?? null];
}

export const HELPERS: Readonly<Record<string, Helper>> = {
  nowIso: { implementation: (meter) => new Date(meter.nowMs).toISOString(), arity: 0 },
  coalesce: {
    implementation: (_, ...values) => values.find((v) => v !== undefined && v !== null) ?? null,
    arity: 1,
  },
  len: { implementation: len, arity: 1 },
  toString: { implementation: text, arity: 1 },
  append: { implementation: append, arity: 2 },
  dateAdd: {
    implementation: (meter, instant, duration, zone) => {
      meter.spend(ZONED);
      return dateAdd(instant, duration, zone);
    },
    arity: 2,
  },
  dateDiff: {
    implementation: (meter, ...args) => {
      meter.spend(ZONED * 8);
      return dateDiff(...(args as Parameters<typeof dateDiff>));
    },
    arity: 2,
  },
};

/**
 * The variable that a call of a helper without `$` refers to. JSONata has its `$append`, so the helper
 * `append` has a name that no source can spell.
 */
export const HELPER_VARIABLES: ReadonlyMap<string, string> = new Map(
  Object.keys(HELPERS).map((name) => [name, name === 'append' ? 'append()' : name]),
);

/** A helper as the engine calls it. */
export function helperFunction(
  engine: Engine,
  meter: Meter,
  { implementation, arity }: Helper,
): EngineFunction {
  // Partial application reads the names of these parameters.
  // eslint-disable-next-line @typescript-eslint/max-params -- see above
  const call = function (
    a: unknown,
    b: unknown,
    c: unknown,
    d: unknown,
    e: unknown,
    f: unknown,
    g: unknown,
    h: unknown,
  ) {
    return implementation(meter, a, b, c, d, e, f, g, h);
  };
  Object.defineProperty(call, 'length', { value: arity });
  return engine.defineFunction(call);
}
