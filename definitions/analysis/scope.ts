/**
 * What is known of variables at a step.
 *
 * A layer holds what was written since a block began; the layers below it hold the rest. Each branch gets a
 * layer, and `merge` puts what they wrote into the layer around them. So the work is linear in the writes.
 *
 * Invariant [no-false-alarm]: a variable is unknown only if no step that can come before assigns it.
 */
import { ANY, KIND, orElse, type Shape, union, withAssigned } from './shape.js';

/** What is known of one variable. */
export interface Entry {
  readonly shape: Shape;
  /** Whether every path to here has assigned it. */
  readonly certain: boolean;
  /** Whether its value may be that of an iteration before. */
  readonly stale: boolean;
  /** Conditions under which it was assigned. */
  readonly conditions: readonly string[];
  /** Names that were written with it, or instead of it: a condition on one of them can tell. */
  readonly groups: readonly ReadonlySet<string>[];
}

/** Groups and conditions that an entry remembers. */
const MOST_REASONS = 8;

/** The name under which the last event is remembered; no variable can have it. */
export const EVENT = 'event';

export class Layer {
  readonly own = new Map<string, Entry>();
  private readonly facts = new Set<string>();
  private readonly mentioned = new Set<string>();

  constructor(private readonly around?: Layer) {}

  private *layers(): Generator<Layer> {
    yield this;
    for (let layer = this.around; layer !== undefined; layer = layer.around) yield layer;
  }

  /** What is known of a variable; undefined: no step before assigns it. */
  get(name: string): Entry | undefined {
    for (const layer of this.layers()) {
      const entry = layer.own.get(name);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  /** Names of all variables that may have been assigned. */
  names(): Set<string> {
    const all = new Set<string>();
    for (const layer of this.layers()) {
      for (const name of layer.own.keys()) all.add(name);
    }
    all.delete(EVENT);
    return all;
  }

  /** A step assigns a value at a path. */
  assign([name = '', ...rest]: readonly string[], value: Shape): void {
    const before = this.get(name);
    const shape = rest.length === 0 ? value : withAssigned(before?.shape, rest, value);
    this.own.set(name, { shape, certain: true, stale: false, conditions: [], groups: [] });
  }

  /** Variables that a part of the document may have written, some of them or all. */
  weaken(names: Iterable<string>): void {
    const group = new Set(names);
    for (const name of group) {
      const before = this.get(name);
      this.own.set(name, {
        shape: ANY,
        certain: before?.certain === true,
        stale: true,
        conditions: [],
        groups: [group],
      });
    }
  }

  /** From here on, a condition holds. */
  assume(condition: string, names: Iterable<string>): void {
    for (const part of partsOf(condition)) this.facts.add(part);
    for (const name of names) this.mentioned.add(name);
  }

  /** Whether a variable exists, or the conditions around tell whether it is. */
  isSure(name: string, entry: Entry): boolean {
    if (entry.certain) return true;
    for (const { facts, mentioned } of this.layers()) {
      if (mentioned.has(name) || entry.conditions.some((condition) => facts.has(condition))) return true;
      for (const other of mentioned) if (entry.groups.some((group) => group.has(other))) return true;
    }
    return false;
  }

  /**
   * Joins what branches wrote: one of them has run.
   * @param branches those that can end, each with the condition under which it ran
   * @param also a name that tells which branch it was
   */
  merge(branches: readonly Branch[], also: readonly string[] = []): void {
    const names = new Set(branches.flatMap(({ layer }) => [...layer.own.keys()]));
    const [only] = branches;
    if (branches.length === 1 && only !== undefined) {
      for (const [name, entry] of only.layer.own) this.own.set(name, entry);
      for (const fact of only.layer.facts) this.facts.add(fact);
      for (const name of only.layer.mentioned) this.mentioned.add(name);
      return;
    }
    const group = new Set([...names, ...also]);
    for (const name of names) {
      const before = this.get(name);
      const entries = branches.map(({ layer }) => layer.own.get(name) ?? before);
      const known = entries.filter((entry) => entry !== undefined);
      const conditions = branches.flatMap(({ layer, condition }) =>
        condition !== undefined && layer.own.get(name)?.certain === true ? [condition] : [],
      );
      this.own.set(name, {
        shape: known.map(({ shape }) => shape).reduce((a, b) => union(a, b)),
        certain: entries.every((entry) => entry?.certain === true),
        stale: branches.some(({ layer }) => {
          const entry = layer.own.get(name);
          return entry === undefined || entry.stale;
        }),
        conditions: [...conditions, ...known.flatMap((entry) => entry.conditions)].slice(0, MOST_REASONS),
        groups: [group, ...known.flatMap((entry) => entry.groups)].slice(0, MOST_REASONS),
      });
    }
  }

  /**
   * Joins what lanes wrote that all have run.
   * @param settled whether a lane may have failed, whose writes are lost
   */
  join(lanes: readonly Layer[], settled: boolean, also: readonly string[] = []): void {
    for (const lane of lanes) {
      const group = new Set([...lane.own.keys(), ...also]);
      for (const [name, entry] of lane.own) {
        const before = this.get(name);
        const lost = settled || !entry.certain;
        this.own.set(name, {
          ...entry,
          shape: before !== undefined ? union(before.shape, entry.shape) : entry.shape,
          certain: !lost || before?.certain === true,
          groups: lost ? [group, ...entry.groups].slice(0, MOST_REASONS) : entry.groups,
        });
      }
    }
  }
}

interface Branch {
  readonly layer: Layer;
  readonly condition?: string | undefined;
}

/** The text of a condition, in one notation. */
export function conditionText(source: string): string {
  return source.trim().replace(/\s+/g, ' ');
}

/** The opposite of a condition. */
export function negated(condition: string): string {
  const inner = /^\$not\((.*)\)$/.exec(condition)?.[1] ?? /^!\((.*)\)$/.exec(condition)?.[1];
  return inner === undefined ? `!(${condition})` : inner;
}

function partsOf(condition: string): string[] {
  const whole = [condition, ...(/^\$not\(/.test(condition) ? [`!(${negated(condition)})`] : [])];
  return condition.startsWith('!(') || condition.includes(' or ')
    ? whole
    : [...whole, ...condition.split(' and ')];
}

/** A value that may also be null: of a step that failed and let the run go on. */
export function orNull(shape: Shape): Shape {
  return orElse(shape, KIND.null);
}
