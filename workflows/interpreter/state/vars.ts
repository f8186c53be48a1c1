/**
 * Variables are immutable JSON: an assignment makes new objects along its path and shares the rest. So
 * lanes hold overlays instead of copies, and no expression result can alias what another lane changes.
 */
import { SluiceError } from '../../../contracts/errors.js';
import { isJsonObject, jsonSize, type Json, type JsonObject } from '../../../contracts/json.js';

export interface Assignment {
  readonly vars: JsonObject;
  /** Change of the size of all variables, bytes; exact except for separators. */
  readonly delta: number;
}

/**
 * Sets a value at a path.
 * @param segments the path below `vars`; at least one segment
 * @returns the new variables and how much they grew
 * @throws SluiceError ASSIGN_INVALID where a scalar, a null or a missing array element is in the way
 */
export function assignAt(vars: JsonObject, segments: readonly string[], value: Json): Assignment {
  let delta = 0;
  const set = (target: Json | undefined, depth: number): Json => {
    if (depth === segments.length) {
      delta = jsonSize(value) - (target === undefined ? 0 : jsonSize(target));
      return value;
    }
    const segment = segments[depth] as string;
    if (target === undefined) {
      const parent = { [segment]: set(undefined, depth + 1) };
      delta += overhead(segment);
      return parent;
    }
    if (Array.isArray(target)) {
      const index = /^(0|[1-9]\d*)$/.test(segment) ? Number(segment) : -1;
      if (index < 0 || index >= target.length) {
        throw blocked(segments, depth, `the list has no element ${segment}`);
      }
      const copy = [...(target as readonly Json[])];
      copy[index] = set(copy[index], depth + 1);
      return copy;
    }
    if (!isJsonObject(target)) {
      throw blocked(
        segments,
        depth,
        `there is ${target === null ? 'null' : `a ${typeof target}`} in the way`,
      );
    }
    const present = Object.hasOwn(target, segment);
    const next = set(present ? target[segment] : undefined, depth + 1);
    if (!present) delta += overhead(segment);
    return { ...target, [segment]: next };
  };
  return { vars: set(vars, 0) as JsonObject, delta };
}

function overhead(key: string): number {
  return jsonSize(key) + 2;
}

function blocked(segments: readonly string[], depth: number, reason: string): SluiceError {
  const path = ['vars', ...segments].join('.');
  const at = ['vars', ...segments.slice(0, depth)].join('.');
  return new SluiceError('ASSIGN_INVALID', `Cannot assign ${path}: at ${at} ${reason}`, {
    details: { path, at },
  });
}

/** Whether a write at `outer` replaces everything that a write at `inner` set. */
export function covers(outer: readonly string[], inner: readonly string[]): boolean {
  return outer.length <= inner.length && outer.every((segment, i) => segment === inner[i]);
}
