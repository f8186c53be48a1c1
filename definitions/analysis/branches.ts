/** How what branches and iterations know is put together after them. */
import { AssignPath } from '../../contracts/definition/assign-path.js';
import type { Layer } from './scope.js';

/** The nearest loop. */
export interface Loop {
  /** Variables that its body may write. */
  readonly writes: ReadonlySet<string>;
  /** Those that are certain at each way out of an iteration; undefined before the first. */
  certain: Set<string> | undefined;
}

/** A branch that was gone through. */
export interface Tried {
  readonly layer: Layer;
  readonly ends: boolean;
  readonly condition?: string | undefined;
}

/** Joins branches of which one runs. @returns whether one of them can end */
export function joined(layer: Layer, branches: readonly Tried[], also: readonly string[] = []): boolean {
  const ending = branches.filter(({ ends }) => ends);
  if (ending.length > 0) {
    layer.merge(ending, also);
    return true;
  }
  layer.weaken(new Set(branches.flatMap((branch) => [...branch.layer.own.keys()])));
  return false;
}

/** An iteration ends here: only what is certain at all its ends is certain after it. */
export function leaves(loop: Loop | undefined, layer: Layer): void {
  if (loop === undefined) return;
  const isCertain = (name: string): boolean => {
    const entry = layer.get(name);
    return entry?.certain === true && !entry.stale;
  };
  const before = loop.certain ?? loop.writes;
  loop.certain = new Set([...before].filter(isCertain));
}

/** The segments of an assignment path; undefined for one that is refused. */
export function pathOf(path: string): readonly string[] | undefined {
  if (!AssignPath.safeParse(path).success) return undefined;
  const segments = path.split('.');
  return segments[0] === 'vars' ? segments.slice(1) : segments;
}
