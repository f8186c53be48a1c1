/** Sluice's own functions. They may be called bare: `len(x)` is `$len(x)`. */
import { dateAdd, dateDiff } from '../dates/dates.js';
import type { EngineFunction, Engine } from '../metering/engine-types.js';
import { describe, EngineError } from '../budget/engine-error.js';
import type { Meter } from '../metering/meter.js';

type Implementation = (meter: Meter, ...args: unknown[]) => unknown;

interface Helper {
  readonly implementation: Implementation;
  /** How many arguments a higher-order function gives it. */
  readonly arity: number;
}

/** Units for asking for a zone's offset a few times: each takes microseconds. */
const ZONED = 100;

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
  // As JSONata writes numbers: in at most 15 digits.
  const written = JSON.stringify(meter.measure(value), (_, item: unknown) =>
    typeof item === 'number' && !Number.isInteger(item) ? Number(item.toPrecision(15)) : item,
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
    implementation: (meter, from, to, unit, zone) => {
      meter.spend(ZONED * 8);
      return dateDiff(from, to, unit, zone);
    },
    arity: 2,
  },
};

/**
 * The variable that a bare call of a helper stands for. JSONata has an `$append` of its own, so the bare
 * `append` stands for a name that no source can spell.
 */
export const HELPER_VARIABLES: ReadonlyMap<string, string> = new Map(
  Object.keys(HELPERS).map((name) => [name, name === 'append' ? 'append()' : name]),
);

/** A helper as the engine calls it. Partial application reads the names of its parameters. */
export function helperFunction(
  engine: Engine,
  meter: Meter,
  { implementation, arity }: Helper,
): EngineFunction {
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
