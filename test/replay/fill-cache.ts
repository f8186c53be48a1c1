/**
 * A workflow module that fills the cache of compiled expressions before a run begins. The test sets the
 * number of expressions; without that it adds nothing.
 */
import { evaluate } from '../../expressions/index.js';

const OTHERS = 0;

for (let n = 0; n < OTHERS; n++) {
  evaluate(`n + ${n} & "x"`, { root: { n }, bindings: {}, nowMs: 0 });
}

/** Named as Temporal's `workflowModules` expects it. */
export const interceptors = (): object => ({});
