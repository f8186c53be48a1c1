/**
 * A workflow module: by the time a run begins, the cache of compiled expressions is full of others. The test
 * sets how many; as it stands there are none.
 */
import { evaluate } from '../../expressions/index.js';

const OTHERS = 0;

for (let n = 0; n < OTHERS; n++) {
  evaluate(`n + ${n} & "x"`, { root: { n }, bindings: {}, nowMs: 0 });
}

/** Named as Temporal's `workflowModules` expects it. */
export const interceptors = (): object => ({});
