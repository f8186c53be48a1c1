/** A run loads nothing that all runs of a worker can share (workflows/preload.ts). */
import { readFile } from 'node:fs/promises';
import { createContext, runInContext } from 'node:vm';
import { injectGlobals } from '@temporalio/worker/lib/workflow/vm-shared.js';
import { expect, it } from 'vitest';
import { suiteBundle } from '../support/services.js';

/** The modules of the bundle that are loaded once, and those that each run loads. */
async function loaded(): Promise<{ readonly shared: readonly string[]; readonly own: readonly string[] }> {
  const bundle = await suiteBundle();
  const code = 'code' in bundle ? bundle.code : await readFile(bundle.codePath, 'utf8');
  const shared = new Map<string, object>();
  const own = new Map<string, object>();
  const context = createContext({});
  let modules = shared;
  // As the SDK's worker does it for a context that runs share.
  const cache = new Proxy<Record<string, object>>(
    {},
    {
      get: (_, id) => shared.get(String(id)) ?? own.get(String(id)),
      set: (_, id, module: object) => modules.set(String(id), module) === modules,
    },
  );
  Object.defineProperty(context, '__webpack_module_cache__', { value: cache });
  injectGlobals(context);
  runInContext(code, context);
  runInContext('__TEMPORAL__.preloadModules()', context);
  modules = own;
  runInContext('__TEMPORAL__.importInterceptors(); __TEMPORAL__.importWorkflows()', context);
  return { shared: [...shared.keys()], own: [...own.keys()] };
}

it('schemas and expressions are loaded once for all runs', async () => {
  const { shared, own } = await loaded();
  const isShareable = (id: string): boolean => /^\.\/(contracts|expressions)\//.test(id);
  expect(shared.filter(isShareable)).toContain('./contracts/definition/steps.ts');
  expect(own).toContain('./workflows/interpreter/run/run.ts');
  expect(own.filter(isShareable)).toEqual([]);
});
